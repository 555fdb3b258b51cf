/** The WebSocket transport: JSON-RPC over one WebSocket, which reconnects by itself. `methods.py` has the methods. */

import { Backoff } from "./backoff.js";
import { AdjournError, asError, errorOfRpc, malformed } from "./errors.js";
import { isFinal, isLast, ItemReader } from "./items.js";
import { RunsWatch } from "./runswatch.js";
import { Servers } from "./servers.js";

/** @import { BackoffOptions } from "./backoff.js" @import { Item } from "./items.js" */
/** @import { Reader, RunsFollower, RunsTransport, Transport } from "./transport.js" @import { RunStart } from "./protocol.js" */

const SUBPROTOCOL = "adjourn.v1+json";
const UNAUTHORIZED = 4401;
const TOO_BIG = 1009;

/**
 * @typedef {object} Call a request without a reply
 * @property {number} id
 * @property {string} frame
 * @property {number} attempts how many more connections may send the request
 * @property {(result: any) => void} resolve
 * @property {(error: AdjournError) => void} reject
 */

/** @typedef {{ reader: Reader, items: ItemReader, started: boolean }} Watch `started`: a reconnect subscribes again */

/**
 * @typedef {object} WebSocketOptions
 * @property {string} [token] sent as a subprotocol, because browsers can't set headers on a WebSocket
 * @property {BackoffOptions} [backoff] the wait after a failed attempt is `firstMs` (200), doubled each time up to
 *   `maximumMs` (15,000). A request is sent at most `attempts` (3) times
 * @property {number} [quietMs] milliseconds without a message after which the client pings the server, and without an
 *   answer after which it connects again; default 30,000
 * @property {(error: AdjournError | null) => void} [onConnection] called with the reason when the connection is lost or
 *   can't be opened, and with null when it is open
 * @property {typeof WebSocket} [WebSocket] used in place of the global `WebSocket`
 */

/** @implements {Transport} @implements {RunsTransport} */
export class WebSocketTransport {
  /** @type {WebSocket | null} */
  #socket = null;
  #isOpen = false;
  /** @type {Map<number, Call>} */
  #calls = new Map();
  /** @type {Map<string, Set<Watch>>} */
  #watches = new Map();
  #nextId = 1;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #redial;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pulse;
  #heard = true;
  /** @type {AdjournError | null} */
  #complaint = null;
  #backoff;
  #options;
  #servers;
  #runs;

  /**
   * @param {string | readonly string[]} [url] `ws:` or `wss:`; by default `/ws` on the page's own server. Several:
   *   servers that share a store. The transport uses one at a time, and the next one when the connection is lost; it
   *   waits only after it has tried them all
   * @param {WebSocketOptions} [options]
   */
  constructor(url, options = {}) {
    this.#servers = new Servers(url, "url");
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
    this.#runs = new RunsWatch(
      (filter) => this.#request("runs.watch", filter, 1),
      () => this.#backoff.delayMs(3),
    );
  }

  /** @param {RunStart & { runId: string }} params @param {Reader} reader */
  async start(params, reader) {
    const watch = this.#add(params.runId, 0, reader);
    try {
      await this.#request("run.start", params);
      watch.started = true;
    } catch (error) {
      this.#remove(params.runId, watch);
      throw error;
    }
    return { runId: params.runId };
  }

  /** @param {string} runId @param {number | undefined} after @param {Reader} reader */
  async watch(runId, after, reader) {
    const watch = this.#add(runId, after, reader);
    try {
      await this.#subscribe(runId, this.#backoff.attempts);
      watch.started = true;
    } catch (error) {
      this.#remove(runId, watch);
      throw error;
    }
  }

  /** @type {Transport["resume"]} */
  resume = (params) => this.#request("run.resume", params);
  /** @type {Transport["decline"]} */
  decline = (params) => this.#request("run.decline", params);
  /** @type {Transport["abort"]} */
  abort = (params) => this.#request("run.abort", params);
  /** @type {Transport["claim"]} */
  claim = (params) => this.#request("run.claim", params);
  /** @type {Transport["unclaim"]} */
  unclaim = (params) => this.#request("run.unclaim", params);
  /** @type {Transport["result"]} */
  result = (params) => this.#request("run.result", params);
  /** @type {RunsTransport["list"]} */
  list = (params) => this.#request("run.list", params);

  /** @param {RunsFollower} follower */
  follow(follower) {
    this.#runs.add(follower);
    if (!this.#isOpen) this.#dial();
  }

  /** The server of the current connection, or of the next attempt; undefined: the page's own. */
  get url() {
    return this.#servers.current;
  }

  /**
   * Uses these servers in place of the earlier ones when the current connection is lost.
   * @param {readonly string[]} urls
   */
  useServers(urls) {
    this.#servers.replace(urls);
  }

  close() {
    this.#watches.clear();
    this.#runs.clear();
    this.#fail(new AdjournError("connectionLost", "the client was closed"));
    this.#hangUp();
  }

  // Readers.

  /** @param {string} runId @param {number | undefined} after @param {Reader} reader */
  #add(runId, after, reader) {
    const watch = { reader, items: new ItemReader(after), started: false };
    this.#watches.set(runId, (this.#watches.get(runId) ?? new Set()).add(watch));
    reader.signal.addEventListener("abort", () => this.#leave(runId, watch), { once: true });
    return watch;
  }

  /** Removes a watch; returns whether it was the run's last one. @param {string} runId @param {Watch} watch */
  #remove(runId, watch) {
    const watches = this.#watches.get(runId);
    return watches?.delete(watch) === true && watches.size === 0 && this.#watches.delete(runId);
  }

  /** @param {string} runId @param {Watch} watch */
  #leave(runId, watch) {
    const isUnwatched = this.#remove(runId, watch);
    if (isUnwatched && this.#isOpen) this.#send({ jsonrpc: "2.0", method: "run.unsubscribe", params: { runId } });
  }

  /**
   * All readers of a run share one subscription, so it starts at the slowest reader's cursor.
   * @param {string} runId
   * @param {number} attempts
   */
  async #subscribe(runId, attempts) {
    const cursors = [...(this.#watches.get(runId) ?? [])].map(({ items }) => items.cursor);
    const known = cursors.filter((cursor) => cursor !== undefined);
    const after = known.length === cursors.length ? { after: Math.min(...known) } : {};
    const { status, seq } = await this.#request("run.subscribe", { runId, ...after }, attempts);
    for (const watch of this.#watches.get(runId) ?? []) {
      if (isFinal(status) && watch.items.cursor === seq) this.#end(runId, watch);
    }
  }

  /** @param {string} runId @param {Watch} watch @param {AdjournError} [error] */
  #end(runId, watch, error) {
    this.#remove(runId, watch);
    watch.reader.end(error);
  }

  /** Subscribes after a reconnect. @param {string} runId */
  async #resubscribe(runId) {
    try {
      await this.#subscribe(runId, 1);
    } catch (thrown) {
      const error = asError(thrown);
      const again = () => this.#watches.has(runId) && this.#isOpen && this.#resubscribe(runId);
      if (error.type === "connectionLost") return; // subscribed again on the next connection
      if (error.retryable) return void setTimeout(again, this.#backoff.delayMs(3));
      for (const watch of this.#watches.get(runId) ?? []) this.#end(runId, watch, error);
    }
  }

  // Requests.

  /** @param {string} method @param {object} params @returns {Promise<any>} */
  #request(method, params, attempts = this.#backoff.attempts) {
    const id = this.#nextId++;
    const frame = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { id, frame, attempts, resolve, reject });
      if (this.#isOpen) this.#socket?.send(frame);
      else this.#dial();
    });
  }

  /** @param {object} message */
  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** Ends every request and every reader with this error. @param {AdjournError} error */
  #fail(error) {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.reject(error);
    for (const [runId, watches] of this.#watches) for (const watch of watches) this.#end(runId, watch, error);
    this.#runs.end(error);
  }

  // The connection.

  #dial() {
    if (this.#socket !== null) return;
    clearTimeout(this.#redial);
    const { token, WebSocket = globalThis.WebSocket } = this.#options;
    if (WebSocket === undefined)
      throw new AdjournError("internal", "there is no WebSocket here: use Node 22 or newer, or the option `WebSocket`");
    const url = new URL(this.#servers.current ?? location.origin.replace(/^http/, "ws") + "/ws");
    url.searchParams.set("batch", "1");
    const socket = new WebSocket(url, token ? [SUBPROTOCOL, `adjourn.token.${base64url(token)}`] : [SUBPROTOCOL]);
    this.#socket = socket;
    this.#startPulse();
    this.#heard = false; // a server that does not open the connection is given up too
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = ({ data }) => this.#socket === socket && this.#heardOf(data);
    socket.onclose = ({ code, reason }) => this.#socket === socket && this.#lost(code, reason);
  }

  /** @param {WebSocket} socket */
  #opened(socket) {
    if (this.#socket !== socket) return;
    this.#isOpen = true;
    this.#startPulse();
    for (const call of this.#calls.values()) socket.send(call.frame);
    for (const [runId, watches] of this.#watches) {
      for (const { items } of watches) items.reset();
      if ([...watches].some(({ started }) => started)) void this.#resubscribe(runId);
    }
    this.#runs.connected();
    this.#options.onConnection?.(null);
  }

  #startPulse() {
    clearInterval(this.#pulse);
    this.#heard = true;
    this.#pulse = setInterval(() => this.#checkPulse(), this.#options.quietMs ?? 30_000);
  }

  /** Pings the server. Needed because browsers report neither a lost network nor the server's pings. */
  #checkPulse() {
    if (!this.#heard) return this.#lost(1006, "the server does not answer");
    this.#heard = false;
    this.#send({ jsonrpc: "2.0", id: "pulse", method: "server.info", params: {} });
  }

  #hangUp() {
    clearTimeout(this.#redial);
    clearInterval(this.#pulse);
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    socket?.close();
  }

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    const wasOpen = this.#isOpen;
    this.#hangUp();
    const complaint = this.#complaint;
    this.#complaint = null;
    if (code === UNAUTHORIZED) return this.#refused(complaint ?? new AdjournError("unauthorized", reason));
    if (code === TOO_BIG) this.#rejectLargest();
    const error = new AdjournError("connectionLost", complaint?.message || reason || `the connection ended (${code})`);
    this.#servers.leave(this.#servers.current);
    const rounds = this.#servers.rounds(this.#failures + 1);
    this.#options.onConnection?.(error);
    for (const call of [...this.#calls.values()]) {
      if (wasOpen || rounds > 0) call.attempts -= 1;
      if (call.attempts === 0) this.#reject(call, error);
    }
    this.#runs.lost(error);
    if (this.#calls.size === 0 && this.#watches.size === 0 && this.#runs.isEmpty) return;
    this.#failures += 1;
    this.#redial = setTimeout(() => this.#dial(), rounds > 0 ? this.#backoff.delayMs(rounds) : 0);
  }

  /** Gives up: another attempt would be refused too. @param {AdjournError} error */
  #refused(error) {
    this.#options.onConnection?.(error);
    this.#fail(error);
  }

  #rejectLargest() {
    const [largest] = [...this.#calls.values()].sort((one, other) => other.frame.length - one.frame.length);
    if (largest)
      this.#reject(largest, new AdjournError("limitExceeded", "the request is larger than the server allows"));
  }

  /** @param {Call} call @param {AdjournError} error */
  #reject(call, error) {
    this.#calls.delete(call.id);
    call.reject(error);
  }

  // Incoming messages.

  /** @param {string} data */
  #heardOf(data) {
    this.#heard = true;
    /** @type {Map<Watch, Item[]>} */
    const found = new Map();
    try {
      const frame = JSON.parse(data);
      for (const message of Array.isArray(frame) ? frame : [frame]) this.#take(message, found);
    } catch (thrown) {
      this.#hangUp();
      return this.#refused(thrown instanceof AdjournError ? thrown : malformed("a frame", thrown));
    }
    for (const [watch, items] of found) this.#hand(watch, items);
  }

  /** @param {any} message @param {Map<Watch, Item[]>} found */
  #take(message, found) {
    if (message.id !== null) this.#failures = 0; // null: an error of no request, such as too many connections
    if (message.method === "run.event" || message.method === "run.snapshot") {
      for (const watch of this.#watches.get(message.params?.runId) ?? []) {
        const item = watch.items.take(message.params);
        if (item === null) continue;
        const items = found.get(watch);
        if (items === undefined) found.set(watch, [item]);
        else items.push(item);
      }
    } else if (message.method === "run.unsubscribed") {
      // For example, an event is larger than this client takes.
      const { runId, error } = message.params;
      for (const watch of this.#watches.get(runId) ?? []) this.#end(runId, watch, errorOfRpc(error));
    } else if (message.method === "run.changed") {
      this.#runs.changed(message.params);
    } else if (message.method === "runs.unwatched") {
      this.#runs.unwatched();
    } else if (message.method === undefined) {
      this.#answer(message);
    }
  }

  /** @param {any} message */
  #answer({ id, result, error }) {
    const call = this.#calls.get(id);
    if (call === undefined) {
      if (error !== undefined) this.#complaint = errorOfRpc(error);
    } else if (error === undefined) {
      this.#calls.delete(id);
      call.resolve(result);
    } else {
      this.#reject(call, errorOfRpc(error));
    }
  }

  /** @param {Watch} watch @param {Item[]} items at least one */
  #hand(watch, items) {
    if (watch.reader.signal.aborted) return;
    watch.reader.items(items);
    const last = items[items.length - 1];
    if (isLast(last) && !watch.reader.signal.aborted) this.#end(last.runId, watch);
  }
}

/** @param {string} text */
function base64url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

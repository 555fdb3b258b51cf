/** The HTTP transport: requests by fetch, runs as server-sent events. `ssestream.js` reads one run. */

import { Backoff, sleep } from "./backoff.js";
import { asError } from "./errors.js";
import { answer, isEventStream, streamAfter } from "./http.js";
import { Servers } from "./servers.js";
import { SSEStream } from "./ssestream.js";

/** @import { BackoffOptions } from "./backoff.js" @import { AdjournError } from "./errors.js" */
/** @import { Answer } from "./ssestream.js" */
/** @import { Reader, Transport } from "./transport.js" */
/** @import { RunResume, RunStart } from "./protocol.js" */

const NEVER = new AbortController().signal;

/**
 * @typedef {object} SSEOptions
 * @property {string | readonly string[]} api the path or URL that starts runs, such as `/runs`; run X has the paths
 *   `/runs/X/…`. Several: servers that share a store. They are used one at a time: when one is lost, the next. The
 *   transport waits only after it has tried them all
 * @property {() => Record<string, unknown>} [body] returns more fields for the request that starts a run
 * @property {typeof globalThis.fetch} [fetch] used in place of the global `fetch`, for example to add headers
 * @property {BackoffOptions} [backoff] the wait after a failed attempt is `firstMs` (200), doubled each time up to
 *   `maximumMs` (15,000). A request is sent at most `attempts` (3) times
 * @property {number} [quietMs] milliseconds after which a silent stream, or a request without an answer, counts as
 *   broken; default 60,000. A keep-alive comment ends the silence
 * @property {(error: AdjournError | null) => void} [onConnection] called with the reason when a stream breaks or can't
 *   be opened, and with null when a stream is open again
 */

/** @implements {Transport} */
export class SSETransport {
  /** @type {Map<string, SSEStream>} */
  #streams = new Map();
  #options;
  #servers;
  #backoff;

  /** @param {SSEOptions} options */
  constructor({ api, ...options }) {
    this.#options = { quietMs: 60_000, ...options };
    const apis = [api].flat().map((each) => each.replace(/\/$/, ""));
    this.#servers = new Servers(apis, "api");
    this.#backoff = new Backoff(options.backoff);
  }

  /** @param {RunStart & { runId: string }} params @param {Reader} reader */
  async start({ input, ...params }, reader) {
    const given = typeof input === "string" ? { input } : { messages: input };
    const body = { ...this.#options.body?.(), ...params, ...given };
    const answer = await this.#post("", body, streamAfter()); // never aborted: the run must start
    const runId = answer.response.headers.get("x-run-id") ?? params.runId; // some servers choose the id themselves
    void this.#open(runId, 0, reader).read(answer.response.status === 202 ? null : answer);
    return { runId };
  }

  /** @param {string} runId @param {number | undefined} after @param {Reader} reader */
  async watch(runId, after, reader) {
    const stream = this.#open(runId, after, reader);
    try {
      void stream.read(await this.#persist((api) => stream.request(api), reader.signal));
    } catch (error) {
      this.#close(runId, stream);
      throw error;
    }
  }

  /** Decides a call; the run is then read from the response. @param {RunResume} params */
  async resume(params) {
    const stream = this.#streams.get(params.runId);
    if (stream === undefined) return this.#json("", params);
    const answer = await this.#post("", params, streamAfter(stream.cursor));
    if (!isEventStream(answer.response)) return answer.response.json();
    stream.adopt(answer);
    return {};
  }

  /** @type {Transport["decline"]} */
  decline = ({ runId, ...params }) => this.#json(`/${runId}/decline`, params);
  /** @type {Transport["abort"]} */
  abort = ({ runId, ...params }) => this.#json(`/${runId}/abort`, params);
  /** @type {Transport["claim"]} */
  claim = ({ runId, ...params }) => this.#json(`/${runId}/claim`, params);
  /** @type {Transport["unclaim"]} */
  unclaim = ({ runId, ...params }) => this.#json(`/${runId}/unclaim`, params);
  /** @type {Transport["result"]} */
  result = ({ runId, ...params }) => this.#json(`/${runId}/result`, params);

  close() {
    for (const [runId, stream] of this.#streams) this.#close(runId, stream);
  }

  /** @param {string} runId @param {number | undefined} after @param {Reader} reader */
  #open(runId, after, reader) {
    const { fetch = globalThis.fetch, quietMs, onConnection } = this.#options;
    const ended = () => this.#close(runId, stream);
    const path = `/${runId}/events`;
    const http = { servers: this.#servers, path, fetch, quietMs, onConnection, backoff: this.#backoff };
    const stream = new SSEStream(http, after, reader, ended);
    this.#streams.get(runId)?.close();
    this.#streams.set(runId, stream);
    if (reader.signal.aborted) ended();
    return stream;
  }

  /** @param {string} runId @param {SSEStream} stream */
  #close(runId, stream) {
    stream.close();
    if (this.#streams.get(runId) === stream) this.#streams.delete(runId);
  }

  /** @param {string} path @param {object} body @returns {Promise<any>} */
  async #json(path, body) {
    const { response } = await this.#post(path, body, { accept: "application/json" });
    return response.status === 204 ? {} : response.json();
  }

  /**
   * Sends a request; returns the answer once a server has accepted. Sends it again if there is no answer: the servers
   * execute it once.
   * @param {string} path @param {object} body @param {Record<string, string>} headers
   * @returns {Promise<Answer>}
   */
  #post(path, body, headers) {
    const { fetch = globalThis.fetch, quietMs } = this.#options;
    const typed = { ...headers, "content-type": "application/json" };
    const sent = { method: "POST", body: JSON.stringify(body), headers: typed };
    const send = async (/** @type {string} */ api) => ({
      api,
      response: await answer(fetch, `${api}${path}`, sent, quietMs, NEVER),
    });
    return this.#persist(send, NEVER);
  }

  /**
   * @template T
   * @param {(api: string) => Promise<T>} attempt
   * @param {AbortSignal} signal
   * @returns {Promise<T>}
   */
  async #persist(attempt, signal) {
    for (let failures = 1; ; failures += 1) {
      const api = this.#servers.current;
      try {
        return await attempt(api);
      } catch (thrown) {
        const error = asError(thrown);
        if (!this.#isForNext(error) || signal.aborted) throw error;
        this.#servers.leave(api);
        if (this.#servers.rounds(failures) >= this.#backoff.attempts) throw error;
      }
      const rounds = this.#servers.rounds(failures);
      if (rounds > 0) await sleep(this.#backoff.delayMs(rounds), signal);
    }
  }

  /** Whether the request may be sent again, to the next server. @param {AdjournError} error */
  #isForNext({ type }) {
    return type === "connectionLost" || (type === "shuttingDown" && !this.#servers.isOnly);
  }
}

/**
 * Reads one run as server-sent events: from the response to a start or a decision, then from `GET …/events`, again and
 * again until the run ends.
 */

import { sleep } from "./backoff.js";
import { AdjournError, asError, malformed } from "./errors.js";
import { EventStreamParser } from "./eventstream.js";
import { answer, isEventStream, streamAfter } from "./http.js";
import { isLast, isRest, ItemReader } from "./items.js";

/** @import { Backoff } from "./backoff.js" @import { Servers } from "./servers.js" */
/** @import { Reader } from "./transport.js" */

const NO_ROUTE = ["http404", "http405", "http501"]; // not adjourn's: its refusals have types of their own
const BROKEN = new AdjournError("connectionLost", "the stream broke off");

/**
 * @typedef {object} Http
 * @property {Servers} servers the urls that start runs
 * @property {string} path of the run's events, below such a url
 * @property {typeof globalThis.fetch} fetch
 * @property {number} quietMs
 * @property {Backoff} backoff
 * @property {((error: AdjournError | null) => void) | undefined} onConnection
 */

/** @typedef {{ api: string, response: Response }} Answer a server's response, and the url that starts its runs */

export class SSEStream {
  #http;
  #items;
  #reader;
  #ended;
  #stop = new AbortController();
  /** Aborted when a decision's response has come; it replaces the current stream. */
  #turn = new AbortController();
  /** @type {Answer | null} */
  #next = null;
  #isResting = false;

  /**
   * @param {Http} http
   * @param {number | undefined} after the last known item's seq; undefined: a snapshot comes first
   * @param {Reader} reader
   * @param {() => void} ended called when reading has ended
   */
  constructor(http, after, reader, ended) {
    this.#http = http;
    this.#items = new ItemReader(after);
    this.#reader = reader;
    this.#ended = ended;
    reader.signal.addEventListener("abort", ended, { once: true });
  }

  get cursor() {
    return this.#items.cursor;
  }

  close() {
    this.#stop.abort();
  }

  /** Continues reading with this answer, after the cursor. @param {Answer} answer */
  adopt(answer) {
    if (this.#stop.signal.aborted) return void answer.response.body?.cancel();
    this.#next = answer;
    this.#turn.abort();
  }

  /** Requests `GET …/events`. @param {string} api @returns {Promise<Answer>} */
  async request(api) {
    const { fetch, path, quietMs } = this.#http;
    const headers = streamAfter(this.cursor);
    return { api, response: await answer(fetch, api + path, { headers }, quietMs, this.#interrupt) };
  }

  get #interrupt() {
    return AbortSignal.any([this.#stop.signal, this.#turn.signal]);
  }

  /** Reads to the end of the run. @param {Answer | null} answer the first one, if any */
  async read(answer) {
    if (this.#stop.signal.aborted) return void answer?.response.body?.cancel();
    try {
      for (let failures = 0; !this.#stop.signal.aborted; answer = this.#take()) {
        answer ??= await this.#reopen(failures);
        if (answer?.response.status === 204) break;
        if (answer === null) continue;
        const heard = await this.#follow(answer.response);
        if (heard.isOver) break;
        failures = heard.isAny ? 0 : failures + 1;
        if (!this.#isResting && this.#next === null) this.#broke(answer.api);
      }
      this.#finish();
    } catch (error) {
      this.#finish(asError(error));
    }
  }

  /** @param {string} api */
  #broke(api) {
    this.#http.servers.leave(api);
    this.#http.onConnection?.(BROKEN);
  }

  #take() {
    const next = this.#next;
    this.#next = null;
    if (next !== null || this.#turn.signal.aborted) this.#turn = new AbortController();
    return next;
  }

  /** @param {AdjournError} [error] */
  #finish(error) {
    if (this.#stop.signal.aborted) return;
    this.#ended();
    this.#reader.end(error);
  }

  /** Resolves to the events after the cursor; null when a decision's response has come. @param {number} failures */
  async #reopen(failures) {
    const { servers, backoff, onConnection } = this.#http;
    for (; !this.#interrupt.aborted; failures += 1) {
      const rounds = servers.rounds(failures);
      if (rounds > 0) await sleep(backoff.delayMs(rounds), this.#interrupt);
      if (this.#interrupt.aborted) return null;
      const api = servers.current;
      try {
        const answer = await this.request(api);
        onConnection?.(null);
        return answer;
      } catch (thrown) {
        const error = asError(thrown);
        if (this.#interrupt.aborted) return null;
        if (this.#isResting && NO_ROUTE.includes(error.type)) return this.#waitForDecision();
        if (!error.retryable) throw error;
        servers.leave(api);
        onConnection?.(error);
      }
    }
    return null;
  }

  /** Waits for a decision's response: a server with one route streams nothing else. @returns {Promise<null>} */
  #waitForDecision() {
    return new Promise((resolve) => this.#interrupt.addEventListener("abort", () => resolve(null), { once: true }));
  }

  /**
   * @param {Response} response
   * @returns {Promise<{ isAny: boolean, isOver: boolean }>} whether any item came, and whether the run has ended
   */
  async #follow(response) {
    if (response.body === null || !isEventStream(response))
      throw malformed(`the answer of ${response.url || "the server"}`);
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    const body = response.body.getReader();
    const interrupt = this.#interrupt;
    const cancel = () => void body.cancel().catch(() => {});
    interrupt.addEventListener("abort", cancel, { once: true });
    this.#items.reset();
    this.#isResting = false;
    try {
      for (let isAny = false; ;) {
        const chunk = await this.#chunk(body, cancel);
        if (chunk === null || interrupt.aborted) return { isAny, isOver: false };
        const last = this.#hand(parser.feed(decoder.decode(chunk, { stream: true })));
        isAny ||= last !== undefined;
        if (last !== undefined && isLast(last)) return { isAny, isOver: true };
      }
    } finally {
      interrupt.removeEventListener("abort", cancel);
      cancel();
    }
  }

  /**
   * Resolves to the next bytes; null if the stream has ended, is broken, or was silent for too long.
   * @param {ReadableStreamDefaultReader<Uint8Array>} body
   * @param {() => void} cancel
   */
  async #chunk(body, cancel) {
    const timer = setTimeout(cancel, this.#http.quietMs);
    try {
      return (await body.read()).value ?? null;
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Passes new items to the reader; returns the last one. @param {string[]} events */
  #hand(events) {
    const found = events.map((data) => this.#items.take(parse(data))).filter((item) => item !== null);
    const last = found.at(-1);
    if (last !== undefined) {
      this.#isResting = isRest(last);
      this.#reader.items(found);
    }
    return last;
  }
}

/** @param {string} data */
function parse(data) {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw malformed("an event", cause);
  }
}

/** A list of runs that follows changes. Independent of any framework. */

import { Backoff } from "./backoff.js";
import { asError } from "./errors.js";
import { WebSocketTransport } from "./websocket.js";

/**
 * @import { AdjournError } from "./errors.js"
 * @import { RunSummary } from "./protocol.js"
 * @import { RunsFilter, RunsTransport } from "./transport.js"
 * @import { WebSocketOptions } from "./websocket.js"
 */

/**
 * @typedef {object} RunListOptions
 * @property {string | readonly string[]} [url] `ws:` or `wss:`; by default `/ws` on the page's own server. Several:
 *   servers that share a store; when the connection is lost, the list goes on at the next one
 * @property {RunsFilter} [filter] which runs; by default all
 * @property {number} [limit] runs per page, 1 to 1000; default 100
 * @property {RunsTransport} [transport] a transport shared with chats and other lists; the list doesn't close it
 */

/**
 * The visible state of a list. A new object after each change; unchanged runs are the same objects.
 * @typedef {object} RunListState
 * @property {RunSummary[]} runs the runs, newest first; with the filter `waiting`, the longest waiting first
 * @property {boolean} hasMore whether the server has older runs, which `more` lists
 * @property {AdjournError | null} error why the list isn't up to date; null if it is
 * @property {boolean} isConnected whether there is a connection now
 */

const FRAME_MS = 16;
const MAX_RUNS = 2_000; // in one list; if the server has more, `hasMore` is true
const MAX_LATE = 10_000; // runs that change while pages are read; after more, all pages are read again
const MAX_PAGES = 50; // read for one list; a page may be empty if its runs are hidden from this client

/**
 * Keeps a list of a server's runs up to date.
 *
 * Connects at once. Watches before it lists, so it misses no change; after each reconnect it does both again. With the
 * filter `waiting` it lists all waiting runs, up to 2,000; otherwise one page, and another with each `more`.
 */
export class RunList {
  #transport;
  #isOwn;
  #filter;
  #limit;
  #backoff;
  #life = new AbortController();
  /** @type {Map<string, RunSummary>} */
  #runs = new Map();
  /** The cursor of the next page. Undefined: the server has no more pages. @type {string | undefined} */
  #after;
  /** The last run of the last page. `more` lists older ones. @type {RunSummary | null} */
  #floor = null;
  /** Whether the full list dropped runs. Then the next page doesn't begin after the list's last run. */
  #isCut = false;
  /** The runs that changed while pages are read. Null: no page is being read. @type {Map<string, RunSummary> | null} */
  #late = null;
  #reading = 0;
  /** @type {AdjournError | null} */
  #error = null;
  #isConnected = false;
  /** @type {RunListState | null} */
  #state = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #frame;

  /** @param {RunListOptions & WebSocketOptions} [options] */
  constructor({ url, filter = {}, limit = 100, transport, ...options } = {}) {
    this.#isOwn = transport === undefined;
    this.#transport = transport ?? new WebSocketTransport(url, options);
    this.#filter = filter;
    this.#limit = limit;
    this.#backoff = new Backoff(options.backoff);
    this.#transport.follow({
      filter,
      signal: this.#life.signal,
      begin: () => this.#begin(),
      change: (run) => this.#change(run),
      lost: (error) => this.#lost(error),
      end: (error) => this.#lost(error),
    });
  }

  /** @returns {RunListState} the same object until something changes */
  get state() {
    return (this.#state ??= {
      runs: [...this.#runs.values()].sort(this.#filter.waiting ? byWait : byAge),
      hasMore: this.#hasMore,
      error: this.#error,
      isConnected: this.#isConnected,
    });
  }

  /**
   * Calls `listener` after changes, at most every 16 ms. Returns a function that removes it.
   * @param {() => void} listener
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Adds the next page, if there is one; resolves when it is added. A list holds at most 2,000 runs. */
  async more() {
    if (!this.#hasMore || this.#late !== null || this.#runs.size >= MAX_RUNS) return;
    const wanted = this.#runs.size + this.#limit;
    if (this.#isCut) await this.#read(new Map(), undefined, wanted);
    else await this.#read(new Map(this.#runs), this.#after, wanted);
  }

  /** Stops following changes. `state` stays as it is. */
  close() {
    this.#life.abort();
    this.#reading += 1;
    clearTimeout(this.#frame);
    this.#listeners.clear();
    if (this.#isOwn) this.#transport.close();
  }

  // Listing.

  get #hasMore() {
    return this.#after !== undefined || this.#isCut;
  }

  #begin() {
    this.#isConnected = true;
    void this.#read(new Map(), undefined, Math.max(this.#limit, this.#runs.size));
  }

  /**
   * Reads pages until the list has `wanted` runs. Changes that arrive meanwhile are applied on top of them.
   * @param {Map<string, RunSummary>} runs the runs of earlier pages; new ones are added to it
   * @param {string | undefined} after
   * @param {number} wanted
   */
  async #read(runs, after, wanted) {
    const reading = (this.#reading += 1);
    const enough = Math.min(MAX_RUNS, this.#filter.waiting ? MAX_RUNS : wanted);
    this.#late = new Map();
    let floor = after === undefined ? null : this.#floor;
    try {
      for (let pages = 0; pages === 0 || (after !== undefined && runs.size < enough && pages < MAX_PAGES); pages += 1) {
        const page = await this.#transport.list({ ...this.#filter, limit: this.#limit, ...(after && { after }) });
        if (reading !== this.#reading) return;
        for (const run of page.runs) runs.set(run.runId, run);
        floor = page.runs.at(-1) ?? floor;
        after = page.after;
      }
      this.#take(runs, after, floor);
    } catch (thrown) {
      if (reading === this.#reading) this.#failed(asError(thrown));
    }
  }

  /** @param {Map<string, RunSummary>} runs @param {string | undefined} after @param {RunSummary | null} floor */
  #take(runs, after, floor) {
    const late = this.#late ?? new Map();
    for (const [runId, run] of runs) {
      const known = this.#runs.get(runId);
      if (known !== undefined && isSame(known, run)) runs.set(runId, known);
    }
    this.#runs = runs;
    this.#after = after;
    this.#floor = after === undefined ? null : floor;
    this.#isCut = false;
    this.#late = null;
    this.#error = null;
    for (const run of late.values()) this.#change(run);
    this.#changed();
  }

  /** @param {AdjournError} error */
  #failed(error) {
    this.#late = null;
    if (error.type === "connectionLost") return; // the list is read again on the next connection
    this.#error = error;
    this.#changed();
    const again = () => !this.#life.signal.aborted && this.#isConnected && this.#late === null && this.#begin();
    if (error.retryable) setTimeout(again, this.#backoff.delayMs(3));
  }

  /** @param {AdjournError} error */
  #lost(error) {
    this.#reading += 1;
    this.#late = null;
    this.#isConnected = false;
    this.#error = error;
    this.#changed();
  }

  // Changes.

  /** @param {RunSummary} run */
  #change(run) {
    this.#late?.set(run.runId, run);
    if (this.#late !== null && this.#late.size > MAX_LATE) return this.#begin();
    const known = this.#runs.get(run.runId);
    if (known !== undefined && isOlder(run, known)) return;
    if (this.#isWanted(run)) this.#runs.set(run.runId, run);
    else if (!this.#runs.delete(run.runId)) return;
    if (this.#runs.size > MAX_RUNS) this.#cut();
    this.#changed();
  }

  /** @param {RunSummary} run */
  #isWanted(run) {
    const { status = run.status, agent = run.agent, waiting = false } = this.#filter;
    const isListed = this.#floor === null || byAge(run, this.#floor) <= 0;
    const isMeant = status === run.status && agent === run.agent && (!waiting || run.waitingSince !== undefined);
    return isMeant && isListed && run.deleted !== true;
  }

  /** Drops the oldest run of a full list. */
  #cut() {
    const [last, ...rest] = [...this.#runs.values()].sort((one, other) => byAge(other, one));
    this.#runs.delete(last.runId);
    this.#floor = rest[0];
    this.#isCut = true;
  }

  #changed() {
    this.#state = null;
    this.#frame ??= setTimeout(() => {
      this.#frame = undefined;
      for (const listener of [...this.#listeners]) listener();
    }, FRAME_MS);
  }
}

/** The server's order: newest first. @param {RunSummary} one @param {RunSummary} other */
function byAge(one, other) {
  return other.createdAt - one.createdAt || (one.runId < other.runId ? 1 : one.runId > other.runId ? -1 : 0);
}

/** @param {RunSummary} one @param {RunSummary} other */
function byWait(one, other) {
  return (one.waitingSince ?? 0) - (other.waitingSince ?? 0) || -byAge(one, other);
}

/** Returns whether a change is older than the run in the list. @param {RunSummary} run @param {RunSummary} known */
function isOlder(run, known) {
  return run.seq < known.seq || (run.seq === known.seq && run.updatedAt < known.updatedAt);
}

/** @param {RunSummary} one @param {RunSummary} other */
function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

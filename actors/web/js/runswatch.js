/** Who follows the list of runs over one connection. The server has one `runs.watch` a connection, so they share it. */

import { asError } from "./errors.js";

/** @import { AdjournError } from "./errors.js" @import { RunSummary } from "./protocol.js" */
/** @import { RunsFilter, RunsFollower } from "./transport.js" */

export class RunsWatch {
  /** @type {Set<RunsFollower>} */
  #followers = new Set();
  #isConnected = false;
  /** What the server was asked for over this connection, as JSON, and its answer; null: nothing. @type {string | null} */
  #filter = null;
  /** @type {Promise<unknown> | null} */
  #answer = null;
  #ask;
  #retryMs;

  /**
   * @param {(filter: RunsFilter) => Promise<unknown>} ask sends `runs.watch`, once
   * @param {() => number} retryMs how long to wait after a refusal that will pass
   */
  constructor(ask, retryMs) {
    this.#ask = ask;
    this.#retryMs = retryMs;
  }

  get isEmpty() {
    return this.#followers.size === 0;
  }

  /** @param {RunsFollower} follower */
  add(follower) {
    this.#followers.add(follower);
    follower.signal.addEventListener("abort", () => this.#followers.delete(follower), { once: true });
    if (this.#isConnected) void this.#watch(follower);
  }

  connected() {
    this.#isConnected = true;
    if (!this.isEmpty) void this.#watch();
  }

  /** @param {AdjournError} error */
  lost(error) {
    this.#isConnected = false;
    this.#forget();
    for (const follower of [...this.#followers]) follower.lost(error);
  }

  /** @param {RunSummary} run */
  changed(run) {
    for (const follower of [...this.#followers]) follower.change(run);
  }

  /** The server has ended the watch, for this client lagged. */
  unwatched() {
    this.#forget();
    this.#watchLater();
  }

  /** @param {AdjournError} error */
  end(error) {
    const followers = [...this.#followers];
    this.clear();
    for (const follower of followers) follower.end(error);
  }

  /** Nobody follows any more, and nobody is told. */
  clear() {
    this.#isConnected = false;
    this.#forget();
    this.#followers.clear();
  }

  /**
   * Watches with the filter that all followers share, anew where that has changed. Then all list the runs, or only the
   * one that was added, if nothing else has changed.
   * @param {RunsFollower} [added]
   */
  async #watch(added) {
    const filter = sharedFilter([...this.#followers]);
    const isKnown = added !== undefined && this.#filter === JSON.stringify(filter);
    if (!isKnown) {
      this.#filter = JSON.stringify(filter);
      this.#answer = this.#ask(filter);
    }
    const [answer, told] = [this.#answer, isKnown ? [added] : [...this.#followers]];
    try {
      await answer;
    } catch (thrown) {
      if (answer === this.#answer) this.#refused(asError(thrown));
      return;
    }
    if (answer !== this.#answer) return; // a later watch has replaced this one, and tells all
    for (const follower of told) if (this.#followers.has(follower)) follower.begin();
  }

  /** @param {AdjournError} error */
  #refused(error) {
    this.#forget();
    if (error.type === "connectionLost") return; // the next connection watches
    if (error.retryable) this.#watchLater();
    else this.end(error);
  }

  #watchLater() {
    setTimeout(() => this.#isConnected && this.#filter === null && !this.isEmpty && this.#watch(), this.#retryMs());
  }

  #forget() {
    this.#filter = null;
    this.#answer = null;
  }
}

/** What all of them want: the server then tells each one's changes, and few others. @param {RunsFollower[]} followers */
function sharedFilter(followers) {
  const [first, ...others] = followers.map(({ filter }) => filter);
  const shared = Object.entries(first ?? {}).filter(
    ([key, value]) =>
      value !== undefined && others.every((other) => other[/** @type {keyof RunsFilter} */ (key)] === value),
  );
  return /** @type {RunsFilter} */ (Object.fromEntries(shared));
}

/** Shares one `runs.watch` among all followers of the list of runs: a connection can have only one. */

import { asError } from "./errors.js";

/** @import { AdjournError } from "./errors.js" @import { RunSummary } from "./protocol.js" */
/** @import { RunsFilter, RunsFollower } from "./transport.js" */

export class RunsWatch {
  /** @type {Set<RunsFollower>} */
  #followers = new Set();
  #isConnected = false;
  /** The filter sent over this connection, as JSON; null: none. @type {string | null} */
  #filter = null;
  /** The server's answer to that filter. @type {Promise<unknown> | null} */
  #answer = null;
  #ask;
  #retryMs;

  /**
   * @param {(filter: RunsFilter) => Promise<unknown>} ask sends `runs.watch`, once
   * @param {() => number} retryMs returns the wait before a retry
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

  /** Handles the end of the watch: this client lagged too far behind. */
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

  /** Removes all followers without calling them. */
  clear() {
    this.#isConnected = false;
    this.#forget();
    this.#followers.clear();
  }

  /**
   * Sends `runs.watch` with the filter that all followers share, unless the server already has it. Then calls `begin`
   * of all followers; only of the added one if the server already had the filter.
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
    if (answer !== this.#answer) return; // a later watch has replaced this one, and calls all followers
    for (const follower of told) if (this.#followers.has(follower)) follower.begin();
  }

  /** @param {AdjournError} error */
  #refused(error) {
    this.#forget();
    if (error.type === "connectionLost") return; // `runs.watch` is sent again on the next connection
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

/** Returns the narrowest filter that includes every follower's runs. @param {RunsFollower[]} followers */
function sharedFilter(followers) {
  const [first, ...others] = followers.map(({ filter }) => filter);
  const shared = Object.entries(first ?? {}).filter(
    ([key, value]) =>
      value !== undefined && others.every((other) => other[/** @type {keyof RunsFilter} */ (key)] === value),
  );
  return /** @type {RunsFilter} */ (Object.fromEntries(shared));
}

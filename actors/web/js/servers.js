/** The servers of a transport, used one at a time: when one is lost, the next. No I/O. */

/** @template [T=string] */
export class Servers {
  #urls;
  #at = 0;

  /**
   * @param {T | readonly T[]} urls at least one
   * @param {string} option what the urls are called, for the error
   */
  constructor(urls, option) {
    this.#urls = /** @type {T[]} */ ([urls].flat());
    if (this.#urls.length === 0) throw new TypeError(`${option}: expected at least one`);
  }

  /** The server of the current connection, or of the next attempt. */
  get current() {
    return this.#urls[this.#at];
  }

  get isOnly() {
    return this.#urls.length === 1;
  }

  /** Goes on to the next server, unless another request has done so already. @param {T} lost the server that is left */
  leave(lost) {
    if (this.current === lost) this.#at = (this.#at + 1) % this.#urls.length;
  }

  /**
   * Returns how often all servers were tried, after `failures` failed attempts in a row; 0 in the middle of a round:
   * the next server is then tried without a wait.
   * @param {number} failures
   */
  rounds(failures) {
    const rounds = failures / this.#urls.length;
    return Number.isInteger(rounds) ? rounds : 0;
  }

  /** Replaces the list; the current server stays current. @param {readonly T[]} urls */
  replace(urls) {
    const { current } = this;
    this.#urls = [current, ...urls.filter((url) => url !== current)];
    this.#at = 0;
  }
}

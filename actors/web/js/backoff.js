/** The waits between attempts of a request or a connection. */

/**
 * @typedef {object} BackoffOptions
 * @property {number} [firstMs] milliseconds before the second attempt, at most; doubled each time. Default 200
 * @property {number} [maximumMs] milliseconds before any attempt, at most. Default 15,000
 * @property {number} [attempts] how often a request is sent before it fails with `connectionLost`; default 3. Reading a
 *   run is retried without limit
 */

export class Backoff {
  /** @param {BackoffOptions} [options] */
  constructor({ firstMs = 200, maximumMs = 15_000, attempts = 3 } = {}) {
    this.firstMs = firstMs;
    this.maximumMs = maximumMs;
    this.attempts = attempts;
  }

  /**
   * Returns the milliseconds to wait after `failures` failed attempts in a row, with jitter: 0.5 to 1 times the full
   * delay.
   * @param {number} failures from 1
   */
  delayMs(failures) {
    const full = Math.min(this.maximumMs, this.firstMs * 2 ** Math.min(failures - 1, 32));
    return full * (0.5 + Math.random() / 2);
  }
}

/**
 * Resolves after `ms`, or as soon as the signal fires.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}

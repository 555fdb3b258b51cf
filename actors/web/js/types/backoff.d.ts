/** Waits between attempts. */
export type BackoffOptions = {
    /**
     * before the second attempt; doubled each time
     */
    firstMs?: number;
    maximumMs?: number;
    /**
     * how often a request is sent before it fails with `connectionLost`. Reading a run is
     * retried without limit
     */
    attempts?: number;
};
/**
 * @typedef {object} BackoffOptions
 * @property {number} [firstMs] before the second attempt; doubled each time
 * @property {number} [maximumMs]
 * @property {number} [attempts] how often a request is sent before it fails with `connectionLost`. Reading a run is
 *   retried without limit
 */
export declare class Backoff {
    firstMs: number;
    maximumMs: number;
    attempts: number;
    /** @param {BackoffOptions} [options] */
    constructor({ firstMs, maximumMs, attempts }?: BackoffOptions);
    /**
     * Milliseconds to wait after `failures` failed attempts in a row, with jitter: 0.5 to 1 times the full delay.
     * @param {number} failures from 1
     */
    delayMs(failures: number): number;
}
/**
 * Resolves after `ms`, or as soon as the signal fires.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export declare function sleep(ms: number, signal: AbortSignal): Promise<void>;

/** The waits between attempts of a request or a connection. */
export type BackoffOptions = {
    /**
     * milliseconds before the second attempt, at most; doubled each time. Default 200
     */
    firstMs?: number;
    /**
     * milliseconds before any attempt, at most. Default 15,000
     */
    maximumMs?: number;
    /**
     * how often a request is sent before it fails with `connectionLost`; default 3. Reading a
     * run is retried without limit
     */
    attempts?: number;
};
/**
 * @typedef {object} BackoffOptions
 * @property {number} [firstMs] milliseconds before the second attempt, at most; doubled each time. Default 200
 * @property {number} [maximumMs] milliseconds before any attempt, at most. Default 15,000
 * @property {number} [attempts] how often a request is sent before it fails with `connectionLost`; default 3. Reading a
 *   run is retried without limit
 */
export declare class Backoff {
    firstMs: number;
    maximumMs: number;
    attempts: number;
    /** @param {BackoffOptions} [options] */
    constructor({ firstMs, maximumMs, attempts }?: BackoffOptions);
    /**
     * Returns the milliseconds to wait after `failures` failed attempts in a row, with jitter: 0.5 to 1 times the full
     * delay.
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

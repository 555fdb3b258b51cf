/** Sends one HTTP request; returns its response, or throws an error that says what went wrong. */
/** @param {Response} response */
export declare function isEventStream(response: Response): boolean;
/**
 * Returns the headers of a request for a stream.
 * @param {number} [seq] the last known item's
 * @returns {Record<string, string>}
 */
export declare function streamAfter(seq?: number): Record<string, string>;
/**
 * Sends one request; resolves to its response once the headers have arrived.
 * @param {typeof globalThis.fetch} fetch
 * @param {string} url
 * @param {RequestInit} request
 * @param {number} quietMs time limit for the headers
 * @param {AbortSignal} signal
 * @throws {AdjournError} `connectionLost`, or the server's refusal
 */
export declare function answer(fetch: typeof globalThis.fetch, url: string, request: RequestInit, quietMs: number, signal: AbortSignal): Promise<Response>;

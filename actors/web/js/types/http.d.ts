/** Sends one HTTP request; returns its response, or throws what went wrong. */
/** @param {Response} response */
export declare function isEventStream(response: Response): boolean;
/**
 * Returns the headers of a request for a stream.
 * @param {number} [seq] of the last known item
 * @returns {Record<string, string>}
 */
export declare function streamAfter(seq?: number): Record<string, string>;
/**
 * Sends one request; resolves to its response once the head has come.
 * @param {typeof globalThis.fetch} fetch
 * @param {string} url
 * @param {RequestInit} request
 * @param {number} quietMs limit for the head
 * @param {AbortSignal} signal
 * @throws {AdjournError} `connectionLost`, or the server's refusal
 */
export declare function answer(fetch: typeof globalThis.fetch, url: string, request: RequestInit, quietMs: number, signal: AbortSignal): Promise<Response>;

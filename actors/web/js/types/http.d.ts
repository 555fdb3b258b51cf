/** One HTTP request: its answer, or what went wrong with it. */
/** @param {Response} response */
export declare function isEventStream(response: Response): boolean;
/**
 * The headers of a request that is to be answered by a stream.
 * @param {number} [seq] of the last item that is known
 * @returns {Record<string, string>}
 */
export declare function streamAfter(seq?: number): Record<string, string>;
/**
 * The response to one request, once its head is there.
 * @param {typeof globalThis.fetch} fetch
 * @param {string} url
 * @param {RequestInit} request
 * @param {number} quietMs how long to wait for the head
 * @param {AbortSignal} signal
 * @throws {AdjournError} `connectionLost`, or what the server refuses with
 */
export declare function answer(fetch: typeof globalThis.fetch, url: string, request: RequestInit, quietMs: number, signal: AbortSignal): Promise<Response>;

/** A list of runs that follows changes. Independent of any framework. */
import type { AdjournError } from "./errors.js";
import type { RunSummary } from "./protocol.js";
import type { RunsFilter, RunsTransport } from "./transport.js";
import type { WebSocketOptions } from "./websocket.js";
export type RunListOptions = {
    /**
     * `ws:` or `wss:`; by default `/ws` on the page's own server. Several:
     * servers that share a store; when the connection is lost, the list goes on at the next one
     */
    url?: string | readonly string[];
    /**
     * which runs; by default all
     */
    filter?: RunsFilter;
    /**
     * runs per page, 1 to 1000; default 100
     */
    limit?: number;
    /**
     * a transport shared with chats and other lists; the list doesn't close it
     */
    transport?: RunsTransport;
};
export type RunListState = {
    /**
     * the runs, newest first; with the filter `waiting`, the longest waiting first
     */
    runs: RunSummary[];
    /**
     * whether the server has older runs, which `more` lists
     */
    hasMore: boolean;
    /**
     * why the list isn't up to date; null if it is
     */
    error: AdjournError | null;
    /**
     * whether there is a connection now
     */
    isConnected: boolean;
};
/**
 * Keeps a list of a server's runs up to date.
 *
 * Connects at once. Watches before it lists, so it misses no change; after each reconnect it does both again. With the
 * filter `waiting` it lists all waiting runs, up to 2,000; otherwise one page, and another with each `more`.
 */
export declare class RunList {
    #private;
    /** @param {RunListOptions & WebSocketOptions} [options] */
    constructor({ url, filter, limit, transport, ...options }?: RunListOptions & WebSocketOptions);
    /** @returns {RunListState} the same object until something changes */
    get state(): RunListState;
    /**
     * Calls `listener` after changes, at most every 16 ms. Returns a function that removes it.
     * @param {() => void} listener
     */
    subscribe(listener: () => void): () => undefined;
    /** Adds the next page, if there is one; resolves when it is added. A list holds at most 2,000 runs. */
    more(): Promise<void>;
    /** Stops following changes. `state` stays as it is. */
    close(): void;
}

/** A live list of runs. Independent of any framework. */
import type { AdjournError } from "./errors.js";
import type { RunSummary } from "./protocol.js";
import type { RunsFilter, RunsTransport } from "./transport.js";
import type { WebSocketOptions } from "./websocket.js";
export type RunListOptions = {
    /**
     * `ws:` or `wss:`; by default `/ws` on the page's own server
     */
    url?: string;
    /**
     * which runs; by default all
     */
    filter?: RunsFilter;
    /**
     * runs of a page, 1 to 1000; 100
     */
    limit?: number;
    /**
     * in place of one of its own, to share it with chats and other lists; the list
     * doesn't close it
     */
    transport?: RunsTransport;
};
export type RunListState = {
    /**
     * newest first; with the filter `waiting`: the one that has waited longest first
     */
    runs: RunSummary[];
    /**
     * whether the server has older runs, for `more`
     */
    hasMore: boolean;
    /**
     * why the list isn't up to date; null: it is
     */
    error: AdjournError | null;
    isConnected: boolean;
};
/**
 * A server's runs, live.
 *
 * Connects at once. Watches first and lists then, so it misses no change; after each reconnect it does both again. With
 * the filter `waiting` it lists all runs, up to 2,000; otherwise one page, and another with each `more`.
 */
export declare class RunList {
    #private;
    /** @param {RunListOptions & WebSocketOptions} [options] */
    constructor({ url, filter, limit, transport, ...options }?: RunListOptions & WebSocketOptions);
    /** @returns {RunListState} the same object until something changes */
    get state(): RunListState;
    /**
     * Calls `listener` after changes, at most every 16 ms. Returns a function that ends this.
     * @param {() => void} listener
     */
    subscribe(listener: () => void): () => undefined;
    /** Lists another page. Resolves when it has come, also if there is none. A list holds at most 2,000 runs. */
    more(): Promise<void>;
    /** Stops following changes. `state` stays as it is. */
    close(): void;
}

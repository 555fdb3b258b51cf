/** A list of runs that stays up to date. No framework. */
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
     * in place of one of its own, shared with chats and other lists; the list doesn't
     * close it
     */
    transport?: RunsTransport;
};
export type RunListState = {
    /**
     * newest first; those that wait for a decision: the one that has waited longest first
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
 * The runs of a server, live.
 *
 * It watches first and lists then, so no change is missed; after each reconnect it does both anew. Those that wait for
 * a decision are all listed, up to 2,000; of others a page, and one more with each `more`.
 */
export declare class RunList {
    #private;
    /** @param {RunListOptions & WebSocketOptions} [options] */
    constructor({ url, filter, limit, transport, ...options }?: RunListOptions & WebSocketOptions);
    /** @returns {RunListState} the same object until something changes */
    get state(): RunListState;
    /**
     * Calls `listener` after changes, at most once a frame (16 ms); returns what ends that.
     * @param {() => void} listener
     */
    subscribe(listener: () => void): () => undefined;
    /** List another page; resolves when it is there, or when there is none. At most 2,000 runs are kept. */
    more(): Promise<void>;
    /** Follow no longer. What was listed stays in `state`. */
    close(): void;
}

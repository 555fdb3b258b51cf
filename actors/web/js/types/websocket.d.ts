/** The WebSocket transport: JSON-RPC over one WebSocket, which reconnects by itself. `methods.py` has the methods. */
import { AdjournError } from "./errors.js";
import { ItemReader } from "./items.js";
import type { BackoffOptions } from "./backoff.js";
import type { Reader, RunsFollower, RunsTransport, Transport } from "./transport.js";
import type { RunStart } from "./protocol.js";
export type Call = {
    id: number;
    frame: string;
    /**
     * how many more connections may send the request
     */
    attempts: number;
    resolve: (result: any) => void;
    reject: (error: AdjournError) => void;
};
export type Watch = {
    reader: Reader;
    items: ItemReader;
    started: boolean;
};
export type WebSocketOptions = {
    /**
     * sent as a subprotocol, because browsers can't set headers on a WebSocket
     */
    token?: string;
    /**
     * the wait after a failed attempt is `firstMs` (200), doubled each time up to
     * `maximumMs` (15,000). A request is sent at most `attempts` (3) times
     */
    backoff?: BackoffOptions;
    /**
     * milliseconds without a message after which the client pings the server, and without an
     * answer after which it connects again; default 30,000
     */
    quietMs?: number;
    /**
     * called with the reason when the connection is lost or
     * can't be opened, and with null when it is open
     */
    onConnection?: (error: AdjournError | null) => void;
    /**
     * used in place of the global `WebSocket`
     */
    WebSocket?: typeof WebSocket;
};
/**
 * @typedef {object} Call a request without a reply
 * @property {number} id
 * @property {string} frame
 * @property {number} attempts how many more connections may send the request
 * @property {(result: any) => void} resolve
 * @property {(error: AdjournError) => void} reject
 */
/** @typedef {{ reader: Reader, items: ItemReader, started: boolean }} Watch `started`: a reconnect subscribes again */
/**
 * @typedef {object} WebSocketOptions
 * @property {string} [token] sent as a subprotocol, because browsers can't set headers on a WebSocket
 * @property {BackoffOptions} [backoff] the wait after a failed attempt is `firstMs` (200), doubled each time up to
 *   `maximumMs` (15,000). A request is sent at most `attempts` (3) times
 * @property {number} [quietMs] milliseconds without a message after which the client pings the server, and without an
 *   answer after which it connects again; default 30,000
 * @property {(error: AdjournError | null) => void} [onConnection] called with the reason when the connection is lost or
 *   can't be opened, and with null when it is open
 * @property {typeof WebSocket} [WebSocket] used in place of the global `WebSocket`
 */
/** @implements {Transport} @implements {RunsTransport} */
export declare class WebSocketTransport implements Transport, RunsTransport {
    #private;
    /**
     * @param {string | readonly string[]} [url] `ws:` or `wss:`; by default `/ws` on the page's own server. Several:
     *   servers that share a store. The transport uses one at a time, and the next one when the connection is lost; it
     *   waits only after it has tried them all
     * @param {WebSocketOptions} [options]
     */
    constructor(url?: string | readonly string[], options?: WebSocketOptions);
    /** @param {RunStart & { runId: string }} params @param {Reader} reader */
    start(params: RunStart & {
        runId: string;
    }, reader: Reader): Promise<{
        runId: string;
    }>;
    /** @param {string} runId @param {number | undefined} after @param {Reader} reader */
    watch(runId: string, after: number | undefined, reader: Reader): Promise<void>;
    /** @type {Transport["resume"]} */
    resume: Transport["resume"];
    /** @type {Transport["decline"]} */
    decline: Transport["decline"];
    /** @type {Transport["abort"]} */
    abort: Transport["abort"];
    /** @type {Transport["claim"]} */
    claim: Transport["claim"];
    /** @type {Transport["unclaim"]} */
    unclaim: Transport["unclaim"];
    /** @type {Transport["result"]} */
    result: Transport["result"];
    /** @type {RunsTransport["list"]} */
    list: RunsTransport["list"];
    /** @param {RunsFollower} follower */
    follow(follower: RunsFollower): void;
    /** The server of the current connection, or of the next attempt; undefined: the page's own. */
    get url(): string | undefined;
    /**
     * Uses these servers in place of the earlier ones when the current connection is lost.
     * @param {readonly string[]} urls
     */
    useServers(urls: readonly string[]): void;
    close(): void;
}

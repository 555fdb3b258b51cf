/** The HTTP transport: requests by fetch, runs as server-sent events. `ssestream.js` reads one run. */
import type { BackoffOptions } from "./backoff.js";
import type { AdjournError } from "./errors.js";
import type { Reader, Transport } from "./transport.js";
import type { RunResume, RunStart } from "./protocol.js";
export type SSEOptions = {
    /**
     * the path or URL that starts runs, such as `/runs`; run X has the paths
     * `/runs/X/…`. Several: servers that share a store. They are used one at a time: when one is lost, the next. The
     * transport waits only after it has tried them all
     */
    api: string | readonly string[];
    /**
     * returns more fields for the request that starts a run
     */
    body?: () => Record<string, unknown>;
    /**
     * used in place of the global `fetch`, for example to add headers
     */
    fetch?: typeof globalThis.fetch;
    /**
     * the wait after a failed attempt is `firstMs` (200), doubled each time up to
     * `maximumMs` (15,000). A request is sent at most `attempts` (3) times
     */
    backoff?: BackoffOptions;
    /**
     * milliseconds after which a silent stream, or a request without an answer, counts as
     * broken; default 60,000. A keep-alive comment ends the silence
     */
    quietMs?: number;
    /**
     * called with the reason when a stream breaks or can't
     * be opened, and with null when a stream is open again
     */
    onConnection?: (error: AdjournError | null) => void;
};
/**
 * @typedef {object} SSEOptions
 * @property {string | readonly string[]} api the path or URL that starts runs, such as `/runs`; run X has the paths
 *   `/runs/X/…`. Several: servers that share a store. They are used one at a time: when one is lost, the next. The
 *   transport waits only after it has tried them all
 * @property {() => Record<string, unknown>} [body] returns more fields for the request that starts a run
 * @property {typeof globalThis.fetch} [fetch] used in place of the global `fetch`, for example to add headers
 * @property {BackoffOptions} [backoff] the wait after a failed attempt is `firstMs` (200), doubled each time up to
 *   `maximumMs` (15,000). A request is sent at most `attempts` (3) times
 * @property {number} [quietMs] milliseconds after which a silent stream, or a request without an answer, counts as
 *   broken; default 60,000. A keep-alive comment ends the silence
 * @property {(error: AdjournError | null) => void} [onConnection] called with the reason when a stream breaks or can't
 *   be opened, and with null when a stream is open again
 */
/** @implements {Transport} */
export declare class SSETransport implements Transport {
    #private;
    /** @param {SSEOptions} options */
    constructor({ api, ...options }: SSEOptions);
    /** @param {RunStart & { runId: string }} params @param {Reader} reader */
    start({ input, ...params }: RunStart & {
        runId: string;
    }, reader: Reader): Promise<{
        runId: string;
    }>;
    /** @param {string} runId @param {number | undefined} after @param {Reader} reader */
    watch(runId: string, after: number | undefined, reader: Reader): Promise<void>;
    /** Decides a call; the run is then read from the response. @param {RunResume} params */
    resume(params: RunResume): Promise<any>;
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
    close(): void;
}

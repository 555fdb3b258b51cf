/** The HTTP transport: requests by fetch, runs as server-sent events. `ssestream.js` reads one run. */
import type { BackoffOptions } from "./backoff.js";
import type { AdjournError } from "./errors.js";
import type { Reader, Transport } from "./transport.js";
import type { RunResume, RunStart } from "./protocol.js";
export type SSEOptions = {
    /**
     * where runs are started, such as `/runs`; run X is below it, at `/runs/X/…`
     */
    api: string;
    /**
     * returns more fields for the request that starts a run
     */
    body?: () => Record<string, unknown>;
    /**
     * in place of the global one: to add headers or credentials, for instance
     */
    fetch?: typeof globalThis.fetch;
    backoff?: BackoffOptions;
    /**
     * a stream without a byte for so long, or a request without an answer, counts as broken.
     * Keep-alive comments count as bytes. 60 s
     */
    quietMs?: number;
    /**
     * called with the reason when a stream breaks or can't
     * be opened, with null when there is one again
     */
    onConnection?: (error: AdjournError | null) => void;
};
/**
 * @typedef {object} SSEOptions
 * @property {string} api where runs are started, such as `/runs`; run X is below it, at `/runs/X/…`
 * @property {() => Record<string, unknown>} [body] returns more fields for the request that starts a run
 * @property {typeof globalThis.fetch} [fetch] in place of the global one: to add headers or credentials, for instance
 * @property {BackoffOptions} [backoff]
 * @property {number} [quietMs] a stream without a byte for so long, or a request without an answer, counts as broken.
 *   Keep-alive comments count as bytes. 60 s
 * @property {(error: AdjournError | null) => void} [onConnection] called with the reason when a stream breaks or can't
 *   be opened, with null when there is one again
 */
/** @implements {Transport} */
export declare class SSETransport implements Transport {
    #private;
    /** @param {SSEOptions} options */
    constructor(options: SSEOptions);
    /** @param {RunStart & { runId: string }} params @param {Reader} reader */
    start({ input, ...params }: RunStart & {
        runId: string;
    }, reader: Reader): Promise<{
        runId: string;
    }>;
    /** @param {string} runId @param {number | undefined} after @param {Reader} reader */
    watch(runId: string, after: number | undefined, reader: Reader): Promise<void>;
    /** The answer is the stream to read on. @param {RunResume} params */
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

/**
 * Reads one run as server-sent events: from the response to a start or a decision, then from `GET …/events`, again and
 * again until the run ends.
 */
import { AdjournError } from "./errors.js";
import type { Backoff } from "./backoff.js";
import type { Reader } from "./transport.js";
export type Http = {
    /**
     * the URL of the run's events
     */
    url: string;
    fetch: typeof globalThis.fetch;
    quietMs: number;
    backoff: Backoff;
    onConnection: ((error: AdjournError | null) => void) | undefined;
};
/**
 * @typedef {object} Http
 * @property {string} url the URL of the run's events
 * @property {typeof globalThis.fetch} fetch
 * @property {number} quietMs
 * @property {Backoff} backoff
 * @property {((error: AdjournError | null) => void) | undefined} onConnection
 */
export declare class SSEStream {
    #private;
    /**
     * @param {Http} http
     * @param {number | undefined} after the last known item's seq; undefined: a snapshot comes first
     * @param {Reader} reader
     * @param {() => void} ended called when reading has ended
     */
    constructor(http: Http, after: number | undefined, reader: Reader, ended: () => void);
    get cursor(): number | undefined;
    close(): void;
    /** Continues reading with this response, after the cursor. @param {Response} response */
    adopt(response: Response): undefined;
    /** Requests `GET …/events`. */
    request(): Promise<Response>;
    /** Reads to the end of the run. @param {Response | null} response the first one, if any */
    read(response: Response | null): Promise<undefined>;
}

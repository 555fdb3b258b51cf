/** One run, read as server-sent events: over the response of a start or a decision, then of `GET …/events`, again and
 * again until the run is over. */
import { AdjournError } from "./errors.js";
import type { Backoff } from "./backoff.js";
import type { Reader } from "./transport.js";
export type Http = {
    /**
     * of the run's events
     */
    url: string;
    fetch: typeof globalThis.fetch;
    quietMs: number;
    backoff: Backoff;
    onConnection: ((error: AdjournError | null) => void) | undefined;
};
/**
 * @typedef {object} Http
 * @property {string} url of the run's events
 * @property {typeof globalThis.fetch} fetch
 * @property {number} quietMs
 * @property {Backoff} backoff
 * @property {((error: AdjournError | null) => void) | undefined} onConnection
 */
export declare class SSEStream {
    #private;
    /**
     * @param {Http} http
     * @param {number | undefined} after seq of the last item that is known; undefined: a snapshot comes first
     * @param {Reader} reader
     * @param {() => void} ended called when nothing more is read
     */
    constructor(http: Http, after: number | undefined, reader: Reader, ended: () => void);
    get cursor(): number | undefined;
    close(): void;
    /** Go on over this response, from where the reading is now. @param {Response} response */
    adopt(response: Response): undefined;
    /** The response of `GET …/events`. */
    request(): Promise<Response>;
    /** Read to the end of the run. @param {Response | null} response the first, if there is one */
    read(response: Response | null): Promise<undefined>;
}

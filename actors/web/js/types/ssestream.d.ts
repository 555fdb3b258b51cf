/**
 * Reads one run as server-sent events: from the response to a start or a decision, then from `GET …/events`, again and
 * again until the run ends.
 */
import { AdjournError } from "./errors.js";
import type { Backoff } from "./backoff.js";
import type { Servers } from "./servers.js";
import type { Reader } from "./transport.js";
export type Http = {
    /**
     * the urls that start runs
     */
    servers: Servers;
    /**
     * of the run's events, below such a url
     */
    path: string;
    fetch: typeof globalThis.fetch;
    quietMs: number;
    backoff: Backoff;
    onConnection: ((error: AdjournError | null) => void) | undefined;
};
export type Answer = {
    api: string;
    response: Response;
};
/**
 * @typedef {object} Http
 * @property {Servers} servers the urls that start runs
 * @property {string} path of the run's events, below such a url
 * @property {typeof globalThis.fetch} fetch
 * @property {number} quietMs
 * @property {Backoff} backoff
 * @property {((error: AdjournError | null) => void) | undefined} onConnection
 */
/** @typedef {{ api: string, response: Response }} Answer a server's response, and the url that starts its runs */
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
    /** Continues reading with this answer, after the cursor. @param {Answer} answer */
    adopt(answer: Answer): undefined;
    /** Requests `GET …/events`. @param {string} api @returns {Promise<Answer>} */
    request(api: string): Promise<Answer>;
    /** Reads to the end of the run. @param {Answer | null} answer the first one, if any */
    read(answer: Answer | null): Promise<undefined>;
}

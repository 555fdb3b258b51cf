/** Who follows the list of runs over one connection. The server has one `runs.watch` a connection, so they share it. */
import type { AdjournError } from "./errors.js";
import type { RunSummary } from "./protocol.js";
import type { RunsFilter, RunsFollower } from "./transport.js";
/** @import { AdjournError } from "./errors.js" @import { RunSummary } from "./protocol.js" */
/** @import { RunsFilter, RunsFollower } from "./transport.js" */
export declare class RunsWatch {
    #private;
    /**
     * @param {(filter: RunsFilter) => Promise<unknown>} ask sends `runs.watch`, once
     * @param {() => number} retryMs how long to wait after a refusal that will pass
     */
    constructor(ask: (filter: RunsFilter) => Promise<unknown>, retryMs: () => number);
    get isEmpty(): boolean;
    /** @param {RunsFollower} follower */
    add(follower: RunsFollower): void;
    connected(): void;
    /** @param {AdjournError} error */
    lost(error: AdjournError): void;
    /** @param {RunSummary} run */
    changed(run: RunSummary): void;
    /** The server has ended the watch, for this client lagged. */
    unwatched(): void;
    /** @param {AdjournError} error */
    end(error: AdjournError): void;
    /** Nobody follows any more, and nobody is told. */
    clear(): void;
}

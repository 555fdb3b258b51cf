/** Shares one `runs.watch` among all followers of the list of runs: a connection can have only one. */
import type { AdjournError } from "./errors.js";
import type { RunSummary } from "./protocol.js";
import type { RunsFilter, RunsFollower } from "./transport.js";
/** @import { AdjournError } from "./errors.js" @import { RunSummary } from "./protocol.js" */
/** @import { RunsFilter, RunsFollower } from "./transport.js" */
export declare class RunsWatch {
    #private;
    /**
     * @param {(filter: RunsFilter) => Promise<unknown>} ask sends `runs.watch`, once
     * @param {() => number} retryMs returns the wait before a retry
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
    /** Handles the end of the watch: this client lagged too far behind. */
    unwatched(): void;
    /** @param {AdjournError} error */
    end(error: AdjournError): void;
    /** Removes all followers without calling them. */
    clear(): void;
}

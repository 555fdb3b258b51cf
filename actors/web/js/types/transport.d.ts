/** What a Chat, and a RunList, need of the wire. Types only. */
import type { Claimed, RunAbort, RunClaim, RunDecline, RunResult, RunResume, RunStart, RunUnclaim } from "./protocol.js";
import type { RunPage, RunSummary, RunList as RunListParams } from "./protocol.js";
import type { AdjournError } from "./errors.js";
import type { Item } from "./items.js";
export type Reader = {
    /**
     * fires when nothing more is wanted; from then on neither `items` nor `end` is called
     */
    signal: AbortSignal;
    /**
     * called with what came: in order, each item once, across reconnects. A
     * snapshot stands for all events up to its seq, and may come at any time
     */
    items: (items: Item[]) => void;
    /**
     * called once: after the run's last item, or when it can't be read on
     */
    end: (error?: AdjournError) => void;
};
export type Transport = {
    /**
     * begins a run,
     * and reads it from its first event on
     */
    start: (params: RunStart & {
        runId: string;
    }, reader: Reader) => Promise<{
        runId: string;
    }>;
    /**
     * reads a run from the
     * item behind `after` on; without it, or if what came after is no longer kept, from a snapshot on
     */
    watch: (runId: string, after: number | undefined, reader: Reader) => Promise<void>;
    /**
     * `seq`: of the last event of the decision's step
     */
    resume: (params: RunResume) => Promise<{
        seq?: number;
    }>;
    decline: (params: RunDecline) => Promise<{
        seq?: number;
    }>;
    /**
     * resolves when the run is over
     */
    abort: (params: RunAbort) => Promise<{
        seq?: number;
    }>;
    claim: (params: RunClaim) => Promise<Claimed>;
    unclaim: (params: RunUnclaim) => Promise<unknown>;
    result: (params: RunResult) => Promise<unknown>;
    /**
     * ends all readers in silence and lets go of the network; runs go on. It may be used again
     */
    close: () => void;
};
export type RunsFilter = Pick<RunListParams, "status" | "agent" | "waiting">;
export type RunsFollower = {
    filter: RunsFilter;
    /**
     * fires when nothing more is wanted; nothing is called from then on
     */
    signal: AbortSignal;
    /**
     * called when the server has begun to tell changes, at least once a connection: list the
     * runs again
     */
    begin: () => void;
    /**
     * called with each run that has changed, also with some outside the filter
     */
    change: (run: RunSummary) => void;
    /**
     * called when the connection is lost; `begin` follows on the next one
     */
    lost: (error: AdjournError) => void;
    /**
     * called when the server refuses; nothing follows
     */
    end: (error: AdjournError) => void;
};
export type RunsTransport = {
    list: (params: RunListParams) => Promise<RunPage>;
    follow: (follower: RunsFollower) => void;
    close: () => void;
};
/**
 * @import { Claimed, RunAbort, RunClaim, RunDecline, RunResult, RunResume, RunStart, RunUnclaim } from "./protocol.js"
 * @import { RunPage, RunSummary, RunList as RunListParams } from "./protocol.js"
 * @import { AdjournError } from "./errors.js"
 * @import { Item } from "./items.js"
 */
/**
 * Who reads a run.
 * @typedef {object} Reader
 * @property {AbortSignal} signal fires when nothing more is wanted; from then on neither `items` nor `end` is called
 * @property {(items: Item[]) => void} items called with what came: in order, each item once, across reconnects. A
 *   snapshot stands for all events up to its seq, and may come at any time
 * @property {(error?: AdjournError) => void} end called once: after the run's last item, or when it can't be read on
 */
/**
 * Every method resolves once the server has accepted, and rejects with an AdjournError. Each may be repeated by the
 * transport when its answer was lost: the server carries it out once.
 * @typedef {object} Transport
 * @property {(params: RunStart & { runId: string }, reader: Reader) => Promise<{ runId: string }>} start begins a run,
 *   and reads it from its first event on
 * @property {(runId: string, after: number | undefined, reader: Reader) => Promise<void>} watch reads a run from the
 *   item behind `after` on; without it, or if what came after is no longer kept, from a snapshot on
 * @property {(params: RunResume) => Promise<{ seq?: number }>} resume `seq`: of the last event of the decision's step
 * @property {(params: RunDecline) => Promise<{ seq?: number }>} decline
 * @property {(params: RunAbort) => Promise<{ seq?: number }>} abort resolves when the run is over
 * @property {(params: RunClaim) => Promise<Claimed>} claim
 * @property {(params: RunUnclaim) => Promise<unknown>} unclaim
 * @property {(params: RunResult) => Promise<unknown>} result
 * @property {() => void} close ends all readers in silence and lets go of the network; runs go on. It may be used again
 */
/** @typedef {Pick<RunListParams, "status" | "agent" | "waiting">} RunsFilter which runs are listed and followed */
/**
 * Who follows the list of runs.
 * @typedef {object} RunsFollower
 * @property {RunsFilter} filter
 * @property {AbortSignal} signal fires when nothing more is wanted; nothing is called from then on
 * @property {() => void} begin called when the server has begun to tell changes, at least once a connection: list the
 *   runs again
 * @property {(run: RunSummary) => void} change called with each run that has changed, also with some outside the filter
 * @property {(error: AdjournError) => void} lost called when the connection is lost; `begin` follows on the next one
 * @property {(error: AdjournError) => void} end called when the server refuses; nothing follows
 */
/**
 * @typedef {object} RunsTransport
 * @property {(params: RunListParams) => Promise<RunPage>} list
 * @property {(follower: RunsFollower) => void} follow
 * @property {() => void} close
 */
export {};

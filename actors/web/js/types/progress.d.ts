/** A chat's progress in one run: the folded state, and which callbacks were called. No I/O. */
import { AdjournError } from "./errors.js";
import { Transcript } from "./transcript.js";
import type { Item } from "./items.js";
import type { Message, Snapshot } from "./protocol.js";
import type { Options } from "./options.js";
/**
 * @import { Item, Part } from "./items.js"
 * @import { Message, Snapshot, ToolDecisionResolved } from "./protocol.js"
 * @import { Options } from "./options.js"
 */
export declare class Progress {
    #private;
    runId: string | null;
    seq: number | undefined;
    fold: Transcript;
    /** Aborted to stop reading the run; null: the run isn't read. @type {AbortController | null} */
    reading: AbortController | null;
    /** Pending until the server has accepted or refused the run. @type {Promise<unknown> | null} */
    starting: Promise<unknown> | null;
    /** The seq of our last accepted request: earlier pauses don't count. */
    due: number;
    /** Ids of the calls for which the server accepted our answer. @type {Set<string>} */
    answered: Set<string>;
    /**
     * @param {string | null} runId null: only history, no run yet
     * @param {Partial<Snapshot>} snapshot
     * @param {number | undefined} seq the last folded item's; undefined: a snapshot comes first
     */
    constructor(runId: string | null, snapshot: Partial<Snapshot>, seq: number | undefined);
    /** @param {Options} options */
    static initial({ initialMessages, initialRun, runId }: Options): Progress;
    /** @param {readonly Message[]} messages */
    static history(messages: readonly Message[]): Progress;
    get isUnderWay(): boolean;
    /** Returns whether the run has paused or ended, or isn't read. */
    get isSettled(): boolean;
    leave(): void;
    /** @param {Item} item */
    take(item: Item): void;
    /**
     * Returns the callbacks to call now, each only once.
     * @param {Options} options
     * @returns {(() => void)[]}
     */
    news({ onMessage, onDecisionPending, onDecisionResolved, onToolCall, onFinish, onError }: Options): (() => void)[];
    /** Returns why the run failed; null if it didn't. */
    get error(): AdjournError | null;
}

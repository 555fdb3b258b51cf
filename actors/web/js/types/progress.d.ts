/** How far a chat has come with one run: what is folded, and what was told of it. No I/O. */
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
    /** Aborted when the run is not to be read any more; null: nobody reads it. @type {AbortController | null} */
    reading: AbortController | null;
    /** Until the server has the run, or refused it. @type {Promise<unknown> | null} */
    starting: Promise<unknown> | null;
    /** Seq of our last request that the server accepted: rests before it don't count. */
    due: number;
    /** Ids of the calls for which the server took our answer. @type {Set<string>} */
    answered: Set<string>;
    /**
     * @param {string | null} runId null: there is only history, no run yet
     * @param {Partial<Snapshot>} snapshot
     * @param {number | undefined} seq of the last item that is folded; undefined: a snapshot comes first
     */
    constructor(runId: string | null, snapshot: Partial<Snapshot>, seq: number | undefined);
    /** @param {Options} options */
    static initial({ initialMessages, initialRun, runId }: Options): Progress;
    /** @param {readonly Message[]} messages */
    static history(messages: readonly Message[]): Progress;
    get isUnderWay(): boolean;
    /** Whether it waits for somebody else, is over, or isn't read. */
    get isSettled(): boolean;
    leave(): void;
    /** @param {Item} item */
    take(item: Item): void;
    /**
     * The calls of callbacks that are due now, each only once.
     * @param {Options} options
     * @returns {(() => void)[]}
     */
    news({ onMessage, onDecisionPending, onDecisionResolved, onToolCall, onFinish, onError }: Options): (() => void)[];
    /** Why the run failed, if it did. */
    get error(): AdjournError | null;
}

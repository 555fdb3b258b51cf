/** What a server says of one run: events and snapshots, checked as far as all the rest relies on it. No I/O. */
import type { Envelope, RunSnapshot, Snapshot } from "./protocol.js";
export type Item = Envelope | RunSnapshot;
export type Part = RunSnapshot & {
    from?: number;
    next?: number;
};
/** @param {Snapshot["status"]} status whether a run in it is over */
export declare function isFinal(status: Snapshot["status"]): boolean;
/** @param {Item} item whether nothing follows it */
export declare function isLast(item: Item): boolean;
/** @param {Item} item whether the run waits for somebody, or is over, from it on */
export declare function isRest(item: Item): boolean;
/** The items of a run over one connection, from its cursor on. A snapshot in parts becomes one item. */
export declare class ItemReader {
    #private;
    cursor: number | undefined;
    /** @param {number | undefined} cursor seq of the last item that is known; undefined: a snapshot will come first */
    constructor(cursor: number | undefined);
    /** The part of a snapshot that came so far is void: another connection begins anew. */
    reset(): void;
    /**
     * The item that this completes; null where it is old, or the part of a snapshot that isn't complete.
     * @param {any} value
     * @returns {Item | null}
     * @throws {AdjournError} `malformed`
     */
    take(value: any): Item | null;
}

/** Reads the events and snapshots of one run, and checks the fields that other modules rely on. No I/O. */
import type { Envelope, RunSnapshot, Snapshot } from "./protocol.js";
export type Item = Envelope | RunSnapshot;
export type Part = RunSnapshot & {
    from?: number;
    next?: number;
};
/** Returns whether a run with this status has ended. @param {Snapshot["status"]} status */
export declare function isFinal(status: Snapshot["status"]): boolean;
/** Returns whether this is the run's last item. @param {Item} item */
export declare function isLast(item: Item): boolean;
/** Returns whether, after this item, the run has paused or ended. @param {Item} item */
export declare function isRest(item: Item): boolean;
/** Reads the items of a run that come after a cursor. Joins the parts of a snapshot. */
export declare class ItemReader {
    #private;
    cursor: number | undefined;
    /** @param {number | undefined} cursor seq of the last known item; undefined: a snapshot comes first */
    constructor(cursor: number | undefined);
    /** Drops an incomplete snapshot: a new connection starts again. */
    reset(): void;
    /**
     * Returns the item that this value completes; null if it is old, or the snapshot is still incomplete.
     * @param {any} value
     * @returns {Item | null}
     * @throws {AdjournError} `malformed`
     */
    take(value: any): Item | null;
}

/** Events and snapshots of one run, checked as far as other modules rely on it. No I/O. */
import type { Envelope, RunSnapshot, Snapshot } from "./protocol.js";
export type Item = Envelope | RunSnapshot;
export type Part = RunSnapshot & {
    from?: number;
    next?: number;
};
/** @param {Snapshot["status"]} status whether a run with this status has ended */
export declare function isFinal(status: Snapshot["status"]): boolean;
/** @param {Item} item whether it is the run's last */
export declare function isLast(item: Item): boolean;
/** @param {Item} item whether the run waits for a person or a client, or has ended, after it */
export declare function isRest(item: Item): boolean;
/** Reads a run's items from one connection, after its cursor. Joins the parts of a snapshot. */
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

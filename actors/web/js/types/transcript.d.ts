/**
 * Folds a run's events into its snapshot, as `protocol/transcript.py` does; the same test vectors check both. Pure.
 *
 * Ignores events that don't fit the current state, and unknown events of newer servers.
 */
import type { Event, Snapshot } from "./protocol.js";
/** A run's state, from a snapshot and the events after it. */
export declare class Transcript {
    #private;
    /** @param {Partial<Snapshot>} [snapshot] */
    constructor(snapshot?: Partial<Snapshot>);
    get status(): "aborted" | "completed" | "failed" | "paused" | "running";
    /** The complete messages. A new array whenever one is added. */
    get messages(): import("./protocol.js").Message[];
    /** @returns {Snapshot} the current state; unchanged parts are the same objects as before */
    snapshot(): Snapshot;
    /** @param {Event} event */
    apply(event: Event): void;
}

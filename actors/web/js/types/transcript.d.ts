/**
 * The fold of a run's events into its snapshot: as `protocol/transcript.py`, held to the same vectors. Pure.
 *
 * Whatever order events come in, what makes no sense is passed over, and so are events of a newer server.
 */
import type { Event, Snapshot } from "./protocol.js";
/** The state of a run, from a snapshot and the events after it. */
export declare class Transcript {
    #private;
    /** @param {Partial<Snapshot>} [snapshot] */
    constructor(snapshot?: Partial<Snapshot>);
    get status(): "aborted" | "completed" | "failed" | "paused" | "running";
    /** Complete messages only. A new array whenever one is added. */
    get messages(): import("./protocol.js").Message[];
    /** @returns {Snapshot} the state now; the parts that haven't changed are the same objects as before */
    snapshot(): Snapshot;
    /** @param {Event} event */
    apply(event: Event): void;
}

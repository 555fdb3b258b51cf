/** Client-side calls: claims them, executes them here, and sends the results. */
import type { Backoff } from "./backoff.js";
import type { AdjournError } from "./errors.js";
import type { Transport } from "./transport.js";
import type { PendingCall } from "./protocol.js";
export type Execute = (input: any, context: {
    signal: AbortSignal;
    runId: string;
    toolCallId: string;
}) => unknown;
export type Seat = {
    transport: Transport;
    claimant: string;
    backoff: Backoff;
    onError: (error: AdjournError) => void;
};
export declare class ClientTools {
    #private;
    /** @param {Seat} seat */
    constructor(seat: Seat);
    /** @param {string} name @param {Execute} execute @param {boolean} idempotent */
    add(name: string, execute: Execute, idempotent: boolean): () => undefined;
    /**
     * Starts the calls that wait for a client, and aborts those that no longer wait.
     * @param {string} runId
     * @param {readonly PendingCall[]} pending
     */
    offer(runId: string, pending: readonly PendingCall[]): void;
    /** Stops executing and reporting. This page keeps its claims, for its next chat. */
    stop(): void;
}

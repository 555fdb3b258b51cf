/** Client-side calls: claiming them, executing them here, and reporting what came of them. */
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
     * Take up what waits for a client, and let go of what waits no longer.
     * @param {string} runId
     * @param {readonly PendingCall[]} pending
     */
    offer(runId: string, pending: readonly PendingCall[]): void;
    /** Nothing more is executed or reported; what is claimed stays so, for this page's next chat. */
    stop(): void;
}

/**
 * A conversation: one run after the other, folded into messages, with callbacks. No framework, and no wire of its own.
 */
import { AdjournError } from "./errors.js";
import type { AssistantMessage, Message, PendingCall, Snapshot, ToolView } from "./protocol.js";
import type { Options, Said } from "./options.js";
import type { Execute } from "./tools.js";
export type ChatState = {
    /**
     * complete messages only
     */
    messages: Message[];
    /**
     * what the model has said so far of its next message
     */
    streamingMessage: AssistantMessage | null;
    /**
     * the calls that wait for a decision or a client, in the model's order
     */
    pending: PendingCall[];
    /**
     * those that wait for a decision
     */
    pendingDecisions: PendingCall[];
    /**
     * the first of these
     */
    pendingDecision: PendingCall | null;
    /**
     * the calls of this turn that execute, or are done
     */
    tools: ToolView[];
    /**
     * of the latest run; `idle` before the first
     */
    status: Snapshot["status"] | "idle";
    /**
     * whether the run goes on without anybody's doing
     */
    isStreaming: boolean;
    /**
     * of the latest action, of reading the run, or of a run that failed
     */
    error: AdjournError | null;
    /**
     * of the latest run; null before the first
     */
    runId: string | null;
    /**
     * the latest run itself: its agent, its usage so far, how it ended; null before the first
     */
    run: Snapshot | null;
};
/**
 * A conversation with one agent.
 *
 * Each action resolves as soon as the server has accepted it: to true, or to false where `error` says why not. None
 * rejects. What follows is read in the background, to the end of the run, whoever decides; `settled()` waits for it.
 * A run that nobody reads goes on all the same: only `abort` stops it.
 */
export declare class Chat {
    #private;
    /** @param {Options} [options] */
    constructor(options?: Options);
    /** @returns {ChatState} the same object until something changes */
    get state(): ChatState;
    get messages(): Message[];
    get streamingMessage(): AssistantMessage | null;
    get pending(): PendingCall[];
    get pendingDecisions(): PendingCall[];
    get pendingDecision(): PendingCall | null;
    get tools(): ToolView[];
    get status(): "aborted" | "completed" | "failed" | "idle" | "paused" | "running";
    get isStreaming(): boolean;
    get error(): AdjournError | null;
    get runId(): string | null;
    get run(): Snapshot | null;
    /**
     * Calls `listener` after each change; returns what ends that.
     * @param {() => void} listener
     */
    subscribe(listener: () => void): () => undefined;
    /**
     * Resolves when the run waits for somebody else, is over, or isn't read, and no action is under way.
     * @returns {Promise<void>}
     */
    settled(): Promise<void>;
    /**
     * Begin a run with a user message, or several; the conversation so far is its history. If it can't be begun, what was
     * said is taken out of the conversation again.
     *
     * Refused with `busy` while a run is under way or waits: decide, or abort it.
     * @param {string | Said | readonly Said[]} input
     */
    send(input: string | Said | readonly Said[]): Promise<boolean>;
    /**
     * Decide a call. It is named to the server, with the digest of its arguments: no other can be decided by mistake.
     *
     * Refused with `notPending` if it doesn't wait, with `toolCallIdRequired` if several wait and none is named; by the
     * server with `decisionInvalid`, whose `data.errors` say what is wrong at which path: then the call waits on.
     * @param {unknown} decision as the call's `schema` wants it
     * @param {{ toolCallId?: string, arguments?: Record<string, any> }} [options] `toolCallId`: which call; may be left
     *   out while only one waits. `arguments`: edited ones, executed in place of the model's, where the tool allows it
     */
    respondWithDecision(decision: unknown, { toolCallId, arguments: edited }?: {
        toolCallId?: string;
        arguments?: Record<string, any>;
    }): Promise<boolean>;
    /**
     * Say no to a call, whatever its schema. Which call, and refusals: as `respondWithDecision`.
     * @param {{ toolCallId?: string, reason?: string }} [options] the model reads the reason
     */
    decline({ toolCallId, reason }?: {
        toolCallId?: string;
        reason?: string;
    }): Promise<boolean>;
    /**
     * End the run, if it isn't over; resolves when it is. What the model has said so far stays.
     * @param {string} [reason]
     */
    abort(reason?: string): Promise<boolean>;
    /**
     * Go on with a run that exists; its messages become the conversation. If it can't be read, all is as it was.
     * @param {string} runId
     */
    attach(runId: string): Promise<boolean>;
    /** Read the run on, if one is under way that isn't read: `initialRun` or `runId`, or after `close` or an error. */
    follow(): Promise<boolean>;
    /**
     * Replace the conversation. Refused with `busy` while a run is under way.
     * @param {readonly Message[]} messages
     */
    setMessages(messages: readonly Message[]): Promise<boolean>;
    /**
     * Execute client-side calls of a name here, while a run is read: each is claimed first, so that no other client
     * executes it too. Returns what ends that.
     * @param {string} name
     * @param {Execute} execute
     * @param {{ idempotent?: boolean }} [options] idempotent: a call that a reload of the page interrupted is executed
     *   again; another is answered as interrupted
     */
    tool(name: string, execute: Execute, { idempotent }?: {
        idempotent?: boolean;
    }): () => undefined;
    /** Stop reading, and let go of the network. Runs go on; `follow` reads on. */
    close(): void;
}

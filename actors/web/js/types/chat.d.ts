/**
 * A conversation: one run after the other, folded into messages, with callbacks. Independent of any
 * framework or transport.
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
     * the message that the model is still writing, so far
     */
    streamingMessage: AssistantMessage | null;
    /**
     * the calls that wait for a decision or a client, in the model's order
     */
    pending: PendingCall[];
    /**
     * the calls that wait for a decision
     */
    pendingDecisions: PendingCall[];
    /**
     * the first of `pendingDecisions`
     */
    pendingDecision: PendingCall | null;
    /**
     * this turn's calls that execute or are done
     */
    tools: ToolView[];
    /**
     * the latest run's status; `idle` before the first run
     */
    status: Snapshot["status"] | "idle";
    /**
     * whether the run goes on without anyone's action
     */
    isStreaming: boolean;
    /**
     * why the latest action, reading the run, or the run itself failed; null if
     * nothing failed
     */
    error: AdjournError | null;
    /**
     * the latest run's id; null before the first run
     */
    runId: string | null;
    /**
     * the latest run: its agent, its usage so far, how it ended; null before the first run
     */
    run: Snapshot | null;
};
/**
 * A conversation with one agent.
 *
 * Each action resolves as soon as the server has accepted it: to true, or to false if `error` says why not. No action
 * rejects. The chat then reads the run in the background, to its end, whoever decides; `settled()` waits until the run
 * pauses or ends. A run goes on even if nobody reads it: only `abort` stops it.
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
     * Calls `listener` after each change; returns a function that removes it.
     * @param {() => void} listener
     */
    subscribe(listener: () => void): () => undefined;
    /**
     * Resolves when no action is in progress, and the run waits for others, has ended, or isn't read.
     * @returns {Promise<void>}
     */
    settled(): Promise<void>;
    /**
     * Starts a run with one or several user messages and the conversation as its history. If the run can't be started,
     * the messages are removed from the conversation.
     *
     * Refused with `busy` while a run has not ended: decide its calls, or abort it.
     * @param {string | Said | readonly Said[]} input
     */
    send(input: string | Said | readonly Said[]): Promise<boolean>;
    /**
     * Decides a call. The request names the call and carries the digest of its arguments, so no other call can be decided
     * by mistake.
     *
     * Refused with `notPending` if the call doesn't wait, with `toolCallIdRequired` if several wait and none is named.
     * The server may refuse with `decisionInvalid`; its `data.errors` say what is wrong at which path, and the call still
     * waits.
     * @param {unknown} decision valid under the call's `schema`
     * @param {{ toolCallId?: string, arguments?: Record<string, any> }} [options] `toolCallId`: the call; may be left out
     *   while only one waits. `arguments`: executed in place of the model's, if the tool allows edited arguments
     */
    respondWithDecision(decision: unknown, { toolCallId, arguments: edited }?: {
        toolCallId?: string;
        arguments?: Record<string, any>;
    }): Promise<boolean>;
    /**
     * Declines a call, whatever its schema. Chooses the call, and is refused, as `respondWithDecision`.
     * @param {{ toolCallId?: string, reason?: string }} [options] the model reads the reason
     */
    decline({ toolCallId, reason }?: {
        toolCallId?: string;
        reason?: string;
    }): Promise<boolean>;
    /**
     * Aborts the run, unless it has ended; resolves when it has. The model's text so far is kept.
     * @param {string} [reason]
     */
    abort(reason?: string): Promise<boolean>;
    /**
     * Reads an existing run, whose messages become the conversation; `settled` waits for them. If the run can't be read,
     * the chat stays as it was.
     * @param {string} runId
     */
    attach(runId: string): Promise<boolean>;
    /** Reads the current run on, if it has not ended: `initialRun` or `runId`, or after `close` or an error. */
    follow(): Promise<boolean>;
    /**
     * Replaces the conversation. Refused with `busy` while a run has not ended.
     * @param {readonly Message[]} messages
     */
    setMessages(messages: readonly Message[]): Promise<boolean>;
    /**
     * Executes client-side calls of this name here, while a run is read. Each call is claimed first, so that no other
     * client executes it too. Returns a function that removes the tool.
     * @param {string} name
     * @param {Execute} execute
     * @param {{ idempotent?: boolean }} [options] idempotent: whether to execute a call again that was interrupted by a
     *   reload of the page; otherwise the model is told that the call was interrupted
     */
    tool(name: string, execute: Execute, { idempotent }?: {
        idempotent?: boolean;
    }): () => undefined;
    /** Stops reading, and closes the connection. Runs go on; `follow` reads on. */
    close(): void;
}

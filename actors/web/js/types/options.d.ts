/** The options of a chat, and the transport that they select. */
import type { AdjournError } from "./errors.js";
import type { Message, PendingCall, RunLimits, RunSnapshot, Snapshot, ToolDecisionResolved, UserMessage } from "./protocol.js";
import type { SSEOptions } from "./sse.js";
import type { Transport } from "./transport.js";
import type { WebSocketOptions } from "./websocket.js";
export type Said = Pick<UserMessage, "role" | "content"> & Partial<UserMessage>;
export type ChatOptions = {
    /**
     * the agent's name; over HTTP it may be left out if there is only one agent
     */
    agent?: string;
    /**
     * the conversation so far
     */
    initialMessages?: readonly Message[];
    /**
     * the id of a run to continue: `follow()` fetches the run
     */
    runId?: string;
    /**
     * a run to continue, as `GET /runs/{id}` and `run.get` return it
     */
    initialRun?: RunSnapshot;
    /**
     * metadata of each new run
     */
    metadata?: Record<string, any>;
    /**
     * limits of each new run; they only tighten the agent's
     */
    limits?: RunLimits;
    /**
     * used in place of a transport made from `url` or `api`; the chat doesn't close it
     */
    transport?: Transport;
    /**
     * identifies this client's claims to the server; by default an id of the page
     */
    claimant?: string;
    /**
     * called for each new complete message, except those sent here
     */
    onMessage?: (message: Message) => void;
    /**
     * called when a run ends
     */
    onFinish?: (run: Snapshot) => void;
    /**
     * called once for each call that waits for a decision
     */
    onDecisionPending?: (call: PendingCall) => void;
    /**
     * called when a call no longer waits for a
     * decision, with the reason and who decided. Not always called if this happened while the run was not read
     */
    onDecisionResolved?: (resolution: ToolDecisionResolved) => void;
    /**
     * called once for each
     * call that executes or is offered to clients
     */
    onToolCall?: (call: {
        toolCallId: string;
        toolName: string;
        args: any;
    }) => void;
    /**
     * called when `error` is set
     */
    onError?: (error: AdjournError) => void;
};
export type Options = ChatOptions & Partial<SSEOptions> & WebSocketOptions & {
    url?: string | readonly string[];
};
/**
 * @import { AdjournError } from "./errors.js"
 * @import {
 *   Message, PendingCall, RunLimits, RunSnapshot, Snapshot, ToolDecisionResolved, UserMessage
 * } from "./protocol.js"
 * @import { SSEOptions } from "./sse.js"
 * @import { Transport } from "./transport.js"
 * @import { WebSocketOptions } from "./websocket.js"
 */
/** @typedef {Pick<UserMessage, "role" | "content"> & Partial<UserMessage>} Said a user message: text, images, files */
/**
 * @typedef {object} ChatOptions
 * @property {string} [agent] the agent's name; over HTTP it may be left out if there is only one agent
 * @property {readonly Message[]} [initialMessages] the conversation so far
 * @property {string} [runId] the id of a run to continue: `follow()` fetches the run
 * @property {RunSnapshot} [initialRun] a run to continue, as `GET /runs/{id}` and `run.get` return it
 * @property {Record<string, any>} [metadata] metadata of each new run
 * @property {RunLimits} [limits] limits of each new run; they only tighten the agent's
 * @property {Transport} [transport] used in place of a transport made from `url` or `api`; the chat doesn't close it
 * @property {string} [claimant] identifies this client's claims to the server; by default an id of the page
 * @property {(message: Message) => void} [onMessage] called for each new complete message, except those sent here
 * @property {(run: Snapshot) => void} [onFinish] called when a run ends
 * @property {(call: PendingCall) => void} [onDecisionPending] called once for each call that waits for a decision
 * @property {(resolution: ToolDecisionResolved) => void} [onDecisionResolved] called when a call no longer waits for a
 *   decision, with the reason and who decided. Not always called if this happened while the run was not read
 * @property {(call: { toolCallId: string, toolName: string, args: any }) => void} [onToolCall] called once for each
 *   call that executes or is offered to clients
 * @property {(error: AdjournError) => void} [onError] called when `error` is set
 */
/**
 * With `api` a chat uses HTTP; otherwise a WebSocket, to `url`, or to `/ws` on the page's own server. Each may be a
 * list: servers that share a store; when the connection is lost, the chat goes on at the next one.
 * @typedef {ChatOptions & Partial<SSEOptions> & WebSocketOptions & { url?: string | readonly string[] }} Options
 */
/** @param {Options} options @returns {Transport} */
export declare function transportOf({ api, url, ...options }: Options): Transport;
/** @param {string | Said | readonly Said[]} input @returns {UserMessage[]} */
export declare function messagesOf(input: string | Said | readonly Said[]): UserMessage[];

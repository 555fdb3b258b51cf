/** What a chat can be told at its making, and the transport that follows from it. */
import type { AdjournError } from "./errors.js";
import type { Message, PendingCall, RunSnapshot, Snapshot, ToolDecisionResolved, UserMessage } from "./protocol.js";
import type { SSEOptions } from "./sse.js";
import type { Transport } from "./transport.js";
import type { WebSocketOptions } from "./websocket.js";
export type Said = Pick<UserMessage, "role" | "content"> & Partial<UserMessage>;
export type ChatOptions = {
    /**
     * name of the agent to talk to; over HTTP it may be left out where there is only one
     */
    agent?: string;
    /**
     * the conversation so far
     */
    initialMessages?: readonly Message[];
    /**
     * a run to go on with: `follow()` fetches it
     */
    runId?: string;
    /**
     * the same with its state, as `GET /runs/{id}` and `run.get` give it
     */
    initialRun?: RunSnapshot;
    /**
     * of each run that is begun
     */
    metadata?: Record<string, any>;
    /**
     * in place of those that `url` and `api` name; the chat doesn't close it
     */
    transport?: Transport;
    /**
     * by what the server knows this client's claims; by default an id of the page
     */
    claimant?: string;
    /**
     * a complete message is new, but not one that was sent from here
     */
    onMessage?: (message: Message) => void;
    /**
     * a run is over, however it ended
     */
    onFinish?: (run: Snapshot) => void;
    /**
     * a call waits for a decision; once a call
     */
    onDecisionPending?: (call: PendingCall) => void;
    /**
     * a call waits for a decision no longer:
     * how that came about, and who decided. May be missing for a decision that was made while the run was not read
     */
    onDecisionResolved?: (resolution: ToolDecisionResolved) => void;
    /**
     * a call executes, or is
     * offered to clients; once a call
     */
    onToolCall?: (call: {
        toolCallId: string;
        toolName: string;
        args: any;
    }) => void;
    /**
     * `error` was set
     */
    onError?: (error: AdjournError) => void;
};
export type Options = ChatOptions & Partial<SSEOptions> & WebSocketOptions & {
    url?: string;
};
/**
 * @import { AdjournError } from "./errors.js"
 * @import {
 *   Message, PendingCall, RunSnapshot, Snapshot, ToolDecisionResolved, UserMessage
 * } from "./protocol.js"
 * @import { SSEOptions } from "./sse.js"
 * @import { Transport } from "./transport.js"
 * @import { WebSocketOptions } from "./websocket.js"
 */
/** @typedef {Pick<UserMessage, "role" | "content"> & Partial<UserMessage>} Said what a person says: text, images */
/**
 * @typedef {object} ChatOptions
 * @property {string} [agent] name of the agent to talk to; over HTTP it may be left out where there is only one
 * @property {readonly Message[]} [initialMessages] the conversation so far
 * @property {string} [runId] a run to go on with: `follow()` fetches it
 * @property {RunSnapshot} [initialRun] the same with its state, as `GET /runs/{id}` and `run.get` give it
 * @property {Record<string, any>} [metadata] of each run that is begun
 * @property {Transport} [transport] in place of those that `url` and `api` name; the chat doesn't close it
 * @property {string} [claimant] by what the server knows this client's claims; by default an id of the page
 * @property {(message: Message) => void} [onMessage] a complete message is new, but not one that was sent from here
 * @property {(run: Snapshot) => void} [onFinish] a run is over, however it ended
 * @property {(call: PendingCall) => void} [onDecisionPending] a call waits for a decision; once a call
 * @property {(resolution: ToolDecisionResolved) => void} [onDecisionResolved] a call waits for a decision no longer:
 *   how that came about, and who decided. May be missing for a decision that was made while the run was not read
 * @property {(call: { toolCallId: string, toolName: string, args: any }) => void} [onToolCall] a call executes, or is
 *   offered to clients; once a call
 * @property {(error: AdjournError) => void} [onError] `error` was set
 */
/**
 * With `api` a chat goes over HTTP; else over WebSocket, to `url`, or to `/ws` on the page's own server.
 * @typedef {ChatOptions & Partial<SSEOptions> & WebSocketOptions & { url?: string }} Options
 */
/** @param {Options} options @returns {Transport} */
export declare function transportOf({ api, url, ...options }: Options): Transport;
/** @param {string | Said | readonly Said[]} input @returns {UserMessage[]} */
export declare function messagesOf(input: string | Said | readonly Said[]): UserMessage[];

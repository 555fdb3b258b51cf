/** What a chat can be told at its making, and the transport that follows from it. */

import { SSETransport } from "./sse.js";
import { WebSocketTransport } from "./websocket.js";

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
export function transportOf({ api, url, ...options }) {
  return api === undefined ? new WebSocketTransport(url, options) : new SSETransport({ ...options, api });
}

/** @param {string | Said | readonly Said[]} input @returns {UserMessage[]} */
export function messagesOf(input) {
  /** @type {Said | readonly Said[]} */
  const given = typeof input === "string" ? { role: "user", content: input } : input;
  return [given].flat().map((message) => ({ timestamp: Date.now(), ...message }));
}

/** The options of a chat, and the transport that they select. */

import { SSETransport } from "./sse.js";
import { WebSocketTransport } from "./websocket.js";

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
export function transportOf({ api, url, ...options }) {
  return api === undefined ? new WebSocketTransport(url, options) : new SSETransport({ ...options, api });
}

/** @param {string | Said | readonly Said[]} input @returns {UserMessage[]} */
export function messagesOf(input) {
  /** @type {Said | readonly Said[]} */
  const given = typeof input === "string" ? { role: "user", content: input } : input;
  return [given].flat().map((message) => ({ timestamp: Date.now(), ...message }));
}

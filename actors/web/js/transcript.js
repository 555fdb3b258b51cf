/**
 * Folds a run's events into its snapshot, as `protocol/transcript.py` does; the same test vectors check both. Pure.
 *
 * Ignores events that don't fit the current state, and unknown events of newer servers.
 */

import { PartialMessage } from "./partial.js";

/**
 * @import {
 *   AssistantMessage, Event, PendingCall, Snapshot, ToolCall, ToolClientClaimed, ToolExecutionEnd,
 *   ToolExecutionStart, ToolExecutionUpdate, ToolView, Usage
 * } from "./protocol.js"
 */

const NO_COST = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 };
const NO_USAGE = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, totalTokens: 0, cost: NO_COST };

/** @type {Snapshot} */
const EMPTY = { agent: "", status: "running", turn: 0, messages: [], pending: [], tools: [], usage: NO_USAGE };

/** A run's state, from a snapshot and the events after it. */
export class Transcript {
  /** The state without `streaming`, `pending` and `tools`, which can grow. @type {Snapshot} */
  #state = EMPTY;
  /** @type {PartialMessage | null} */
  #partial = null;
  /** @type {Map<string, PendingCall>} */
  #pending = new Map();
  /** @type {Map<string, ToolView>} */
  #tools = new Map();
  #callsChanged = false;

  /** @param {Partial<Snapshot>} [snapshot] */
  constructor(snapshot = {}) {
    this.#restore({ ...EMPTY, ...snapshot });
  }

  get status() {
    return this.#state.status;
  }

  /** The complete messages. A new array whenever one is added. */
  get messages() {
    return this.#state.messages;
  }

  /** @returns {Snapshot} the current state; unchanged parts are the same objects as before */
  snapshot() {
    if (this.#callsChanged) this.#orderCalls();
    const streaming = this.#partial === null ? {} : { streaming: this.#partial.message };
    return { ...this.#state, ...streaming };
  }

  /** @param {Event} event */
  apply(event) {
    switch (event.type) {
      case "message_update":
        return this.#partial?.apply(event.assistantMessageEvent);
      case "agent_start": {
        const { agent, input, metadata, by } = event;
        return this.#restore({ ...EMPTY, agent, messages: input, ...given({ metadata, by }) });
      }
      case "agent_end":
        return this.#end(event);
      case "agent_paused":
        return this.#set({ status: "paused", expiresAt: event.expiresAt });
      case "agent_resume":
        return this.#goOn(event.reason === "recovered");
      case "agent_retry":
        this.#partial = null;
        return;
      case "turn_start":
        return this.#set({ turn: event.turn });
      case "turn_end":
        this.#set({ messages: [...this.messages, ...event.toolResults] });
        return this.#clearTurn();
      case "message_start":
        this.#partial = new PartialMessage(event.message);
        return;
      case "message_end":
        return this.#addMessage(event.message);
      default:
        return this.#applyToCall(event);
    }
  }

  /** @param {Event} event */
  #applyToCall(event) {
    switch (event.type) {
      case "tool_execution_start":
        return this.#startTool(event);
      case "tool_execution_update":
        return this.#updateTool(event);
      case "tool_execution_end":
        return this.#endTool(event);
      case "tool_decision_pending":
      case "tool_client_execute_pending": {
        const { type, ...call } = event;
        return this.#wait({ ...call, kind: type === "tool_decision_pending" ? "decision" : "client" });
      }
      case "tool_decision_resolved":
        this.#pending.delete(event.toolCallId);
        this.#callsChanged = true;
        return;
      case "tool_client_claimed":
        return this.#claim(event);
    }
  }

  /** @param {Snapshot} snapshot */
  #restore({ streaming, ...state }) {
    this.#state = state;
    this.#partial = streaming ? new PartialMessage(streaming) : null;
    this.#pending = new Map(state.pending.map((call) => [call.toolCallId, call]));
    this.#tools = new Map(state.tools.map((tool) => [tool.toolCallId, tool]));
    this.#callsChanged = true;
  }

  /** @param {Partial<Snapshot>} changes undefined removes a field */
  #set(changes) {
    this.#state = /** @type {Snapshot} */ (given({ ...this.#state, ...changes }));
  }

  /** Sorts calls into the model's order, not the order in which they were decided or finished. */
  #orderCalls() {
    this.#callsChanged = false;
    const places = new Map(this.#calls().map((call, place) => [call.id, place]));
    const place = (/** @type {{ toolCallId: string }} */ item) => places.get(item.toolCallId) ?? places.size;
    const ordered = (/** @type {Map<string, any>} */ items) =>
      [...items.values()].sort((one, other) => place(one) - place(other));
    this.#set({ pending: ordered(this.#pending), tools: ordered(this.#tools) });
  }

  /** @returns {ToolCall[]} */
  #calls() {
    const last = this.messages.findLast((message) => message.role === "assistant");
    return last === undefined ? [] : last.content.filter((block) => block.type === "toolCall");
  }

  #clearTurn() {
    this.#callsChanged = false;
    this.#pending.clear();
    this.#tools.clear();
    this.#set({ pending: [], tools: [] });
  }

  /** @param {Extract<Event, { type: "agent_end" }>} event */
  #end({ type: _, ...end }) {
    this.#partial = null;
    this.#clearTurn();
    this.#set({ error: undefined, expiresAt: undefined, ...end });
  }

  /** @param {boolean} recovered whether to drop incomplete parts of the previous process */
  #goOn(recovered) {
    this.#set({ status: "running", expiresAt: undefined });
    if (!recovered) return;
    this.#partial = null;
    this.#tools = new Map([...this.#tools].filter(([, tool]) => tool.result != null));
    this.#callsChanged = true;
  }

  /** @param {AssistantMessage} message */
  #addMessage(message) {
    this.#partial = null;
    this.#set({ messages: [...this.messages, message], usage: sum(this.#state.usage, message.usage) });
    this.#clearTurn();
  }

  /** @param {PendingCall} call */
  #wait(call) {
    this.#pending.set(call.toolCallId, call);
    this.#callsChanged = true;
  }

  /** @param {ToolExecutionStart} event */
  #startTool({ toolCallId, toolName, args }) {
    this.#pending.delete(toolCallId);
    this.#tools.set(toolCallId, { toolCallId, toolName, args });
    this.#callsChanged = true;
  }

  /** @param {ToolExecutionUpdate} event */
  #updateTool({ toolCallId, partialResult }) {
    const tool = this.#tools.get(toolCallId);
    if (tool === undefined || tool.result != null) return;
    this.#tools.set(toolCallId, /** @type {ToolView} */ (given({ ...tool, partialResult })));
    this.#callsChanged = true;
  }

  /** @param {ToolExecutionEnd} event */
  #endTool({ toolCallId, toolName, result, isError, arguments: edited }) {
    const args = edited ?? this.#argumentsOf(toolCallId);
    this.#pending.delete(toolCallId);
    this.#tools.set(toolCallId, { toolCallId, toolName, args, result, isError });
    this.#callsChanged = true;
  }

  /** @param {string} key */
  #argumentsOf(key) {
    const known = this.#tools.get(key)?.args ?? this.#pending.get(key)?.input;
    return known ?? this.#calls().find((call) => call.id === key)?.arguments ?? {};
  }

  /** @param {ToolClientClaimed} event */
  #claim({ toolCallId, by, dueAt }) {
    const call = this.#pending.get(toolCallId);
    if (call === undefined) return;
    const claimed = given({ ...call, claimed: true, claimedBy: by, dueAt });
    this.#wait(/** @type {PendingCall} */ (claimed));
  }
}

/**
 * Returns the fields that have a value: the wire leaves out defaults.
 * @param {Record<string, any>} fields
 */
function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

/** @param {Usage} a @param {Usage} b @returns {Usage} */
function sum(a, b) {
  return { ...added(a, b), cost: added(a.cost, b.cost) };
}

/**
 * Returns the sums of the numbers in both.
 * @template {object} T
 * @param {T} a
 * @param {T} b
 */
function added(a, b) {
  const pairs = /** @type {[keyof T, any][]} */ (Object.entries({ ...b, ...a }));
  const numbers = pairs.filter(([, value]) => typeof value === "number");
  const sums = numbers.map(([key]) => [key, /** @type {any} */ (a[key] ?? 0) + (b[key] ?? 0)]);
  return /** @type {T} */ (Object.fromEntries(sums));
}

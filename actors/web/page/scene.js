/** What the parts of a transcript share: its chat, and how its calls were decided. No DOM. */

/** @import { Chat, ChatState } from "../js/chat.js" @import { PendingCall } from "../js/protocol.js" */
/** @import { ToolDecisionResolved, ToolResultMessage } from "../js/protocol.js" */
/** @import { Markdown } from "./markdown.js" @import { CallState } from "./tool.js" */
/** @import { Resolution } from "./resolution.js" */

export class Scene {
  /** Called when a call's words have changed, though the chat has not. */
  onChange = () => {};
  /** Grows with each decision that becomes known. */
  version = 0;
  /** Ids of the calls that were decided in this window. @type {Set<string>} */
  #ours = new Set();
  /** @type {Map<string, Resolution>} */
  #resolutions = new Map();
  /** @type {Map<string, PendingCall>} */
  #seen = new Map();
  #executes;

  /**
   * @param {Chat} chat
   * @param {Markdown} markdown
   * @param {readonly string[]} executes names of the client-side tools that this window executes
   */
  constructor(chat, markdown, executes = []) {
    this.chat = chat;
    this.markdown = markdown;
    this.#executes = executes;
  }

  /** @param {string} name */
  executes(name) {
    return this.#executes.includes(name);
  }

  /** A call waits: remember it, for the words when it no longer does. @param {PendingCall} call */
  waits(call) {
    this.#seen.set(call.toolCallId, call);
  }

  /** @param {string} toolCallId */
  decidedHere(toolCallId) {
    this.#ours.add(toolCallId);
    const known = this.#resolutions.get(toolCallId);
    if (known === undefined) return; // the event is still to come
    this.#resolutions.set(toolCallId, { ...known, isOurs: true });
    this.version += 1;
    this.onChange();
  }

  /** @param {Omit<ToolDecisionResolved, "type">} resolution */
  resolved(resolution) {
    this.version += 1;
    const { toolCallId, decision } = resolution;
    const approval = this.#seen.get(toolCallId)?.approval ?? decision?.approved === true;
    this.#resolutions.set(toolCallId, { ...resolution, approval, isOurs: this.#ours.has(toolCallId) });
  }

  /**
   * What is known of a call. @param {string} id @param {ChatState} state
   * @param {ReadonlyMap<string, ToolResultMessage>} results @param {boolean} isLatest of the run's latest turn
   * @returns {CallState}
   */
  stateOf(id, state, results, isLatest) {
    return {
      pending: isLatest ? state.pending.find((call) => call.toolCallId === id) : undefined,
      tool: isLatest ? state.tools.find((tool) => tool.toolCallId === id) : undefined,
      result: results.get(id),
      resolution: this.#resolutions.get(id),
      isOpen: isLatest && (state.status === "running" || state.status === "paused"),
    };
  }
}

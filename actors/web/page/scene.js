/** What all parts of a transcript share: its chat, and how its calls were decided. No DOM. */

/** @import { Chat, ChatState } from "../js/chat.js" @import { PendingCall } from "../js/protocol.js" */
/** @import { ToolDecisionResolved, ToolResultMessage } from "../js/protocol.js" */
/** @import { AdjournError } from "../js/errors.js" @import { Markdown } from "./markdown.js" @import { CallState } from "./tool.js" */
/** @import { Resolution } from "./resolution.js" */

export class Scene {
  /** Called when a decision's text changes without a change of the chat. */
  onChange = () => {};
  /** Increases with each decision that becomes known; views compare it. */
  version = 0;
  /** Ids of the calls that were decided in this window. @type {Set<string>} */
  #ours = new Set();
  /** @type {Map<string, Resolution>} */
  #resolutions = new Map();
  /** @type {Map<string, PendingCall>} */
  #seen = new Map();
  /** @type {WeakSet<AdjournError>} */
  #told = new WeakSet();
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

  /** Whether this window executes client-side calls of a name. @param {string} name */
  executes(name) {
    return this.#executes.includes(name);
  }

  /** Keeps a waiting call: a decision's text depends on whether it is an approval. @param {PendingCall} call */
  waits(call) {
    this.#seen.set(call.toolCallId, call);
  }

  /** Notes that the server accepted a decision of this window. @param {string} toolCallId */
  decidedHere(toolCallId) {
    this.#ours.add(toolCallId);
    const known = this.#resolutions.get(toolCallId);
    if (known === undefined) return; // the event is still to come
    this.#resolutions.set(toolCallId, { ...known, isOurs: true });
    this.version += 1;
    this.onChange();
  }

  /**
   * Notes how a call was decided, from an event or the timeline.
   * @param {Omit<ToolDecisionResolved, "type">} resolution
   */
  resolved(resolution) {
    this.version += 1;
    const { toolCallId, decision } = resolution;
    const approval = this.#seen.get(toolCallId)?.approval ?? decision?.approved === true;
    this.#resolutions.set(toolCallId, { ...resolution, approval, isOurs: this.#ours.has(toolCallId) });
  }

  /** Notes that a card already shows this error. @param {AdjournError} error */
  toldByCard(error) {
    this.#told.add(error);
  }

  /** @param {AdjournError} error */
  isToldByCard(error) {
    return this.#told.has(error);
  }

  /**
   * Returns what the run knows of a call. @param {string} id @param {ChatState} state
   * @param {ReadonlyMap<string, ToolResultMessage>} results @param {boolean} isLatest whether it is in the run's latest
   *   turn
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

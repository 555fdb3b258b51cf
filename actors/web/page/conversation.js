/** The transcript of a chat. A change redraws only the messages that it affects. */

import { element, fill } from "./element.js";
import { AssistantView, OrphanView, UserView } from "./message.js";

/** @import { ChatState } from "../js/chat.js" @import { Message, ToolResultMessage } from "../js/protocol.js" */
/** @import { Scene } from "./scene.js" */

/** @typedef {UserView | AssistantView | OrphanView} View */

export class Conversation {
  element = element("div", { class: "conversation", role: "log", "aria-label": "Conversation", "aria-live": "off" });
  #scene;
  #agent;
  /** @type {View[]} */
  #views = [];
  /** @type {readonly Message[]} */
  #messages = [];
  /** @type {ReadonlyMap<string, ToolResultMessage>} */
  #results = new Map();
  /** Ids of all calls. @type {ReadonlySet<string>} */
  #calls = new Set();
  #waiting = element(
    "p",
    { class: "working", hidden: true },
    element("span", { class: "dots", "aria-hidden": "true" }),
    "Working",
  );

  /** @param {Scene} scene @param {string} agent name of the agent, until the run names it */
  constructor(scene, agent) {
    this.#scene = scene;
    this.#agent = agent;
  }

  /** @param {ChatState} state */
  show(state) {
    for (const call of state.pending) this.#scene.waits(call);
    const { messages, streamingMessage } = state;
    if (messages !== this.#messages) this.#index(messages);
    const results = this.#results;
    const calls = this.#calls;
    const latest = messages.findLast(({ role }) => role === "assistant");
    /** @type {Message[]} */
    const shown = messages.filter((message) => message.role !== "toolResult" || !calls.has(message.toolCallId));
    if (streamingMessage !== null) shown.push(streamingMessage);
    const views = shown.map((message, place) => {
      const view = this.#viewOf(message, place, state.run?.agent ?? this.#agent);
      const isStreaming = message === streamingMessage;
      const isLatest = message === latest && streamingMessage === null;
      if (view instanceof AssistantView)
        view.show(/** @type {any} */ (message), { state, results, isLatest, isStreaming });
      else view.show(/** @type {any} */ (message));
      return view;
    });
    const kept = new Set(views);
    for (const view of this.#views) if (!kept.has(view)) view.close();
    this.#views = views;
    this.#waiting.hidden =
      state.status !== "running" || streamingMessage !== null || state.tools.some(({ result }) => result == null);
    fill(this.element, [...views.map((view) => view.element), this.#waiting]);
  }

  close() {
    for (const view of this.#views) view.close();
    this.#views = [];
  }

  /**
   * Reads calls and results. Rare: the array stays the same while the model writes.
   * @param {readonly Message[]} messages
   */
  #index(messages) {
    this.#messages = messages;
    this.#results = resultsOf(messages);
    this.#calls = callsOf(messages);
  }

  /**
   * Returns the view at a place, or a new one if the kind differs.
   * @param {Message} message
   * @param {number} place
   * @param {string} agent
   */
  #viewOf(message, place, agent) {
    const there = this.#views[place];
    if (message.role === "user") return there instanceof UserView ? there : new UserView();
    if (message.role === "toolResult") return there instanceof OrphanView ? there : new OrphanView();
    return there instanceof AssistantView ? there : new AssistantView(this.#scene, agent);
  }
}

/** @param {readonly Message[]} messages */
function resultsOf(messages) {
  /** @type {Map<string, ToolResultMessage>} */
  const results = new Map();
  for (const message of messages) if (message.role === "toolResult") results.set(message.toolCallId, message);
  return results;
}

/** @param {readonly Message[]} messages @returns {Set<string>} ids */
function callsOf(messages) {
  const blocks = messages.flatMap((message) => (message.role === "assistant" ? message.content : []));
  return new Set(blocks.flatMap((block) => (block.type === "toolCall" ? [block.id] : [])));
}

/** One message of a transcript: from a person, from the model, or a tool result without its call. */

import { attachmentOf, labelOf } from "./attachment.js";
import { element, fill, setText } from "./element.js";
import { icon } from "./icon.js";
import { Prose } from "./prose.js";
import { sourcesOf } from "./sources.js";
import { ToolBlock } from "./tool.js";
import { spentOf, spentText } from "./usage.js";
import { visible } from "./value.js";

/** @import { ChatState } from "../js/chat.js" */
/** @import { AssistantBlock, AssistantMessage, Opaque, Thinking, ToolResultMessage, UserMessage } from "../js/protocol.js" */
/** @import { Scene } from "./scene.js" */

/** @typedef {{ state: ChatState, results: ReadonlyMap<string, ToolResultMessage>, isLatest: boolean, isStreaming: boolean }} Around */

/** A message from a person: text, images, files. */
export class UserView {
  element = element("article", { class: "message user", "aria-label": "You" });
  /** @type {UserMessage | null} */
  #shown = null;

  /** @param {UserMessage} message */
  show(message) {
    if (message === this.#shown) return;
    this.#shown = message;
    const { content } = message;
    const blocks = typeof content === "string" ? [{ type: /** @type {const} */ ("text"), text: content }] : content;
    const parts = blocks.map((block) =>
      block.type === "text"
        ? element("p", { class: "words", dir: "auto" }, block.text)
        : attachmentOf(block, "Image that was sent"),
    );
    fill(this.element, [element("div", { class: "bubble" }, ...parts)]);
  }

  close() {}
}

/** A message from the model: text, thinking and tool calls, in the model's order. */
export class AssistantView {
  element;
  #scene;
  #body = element("div", { class: "blocks" });
  #foot = element("p", { class: "foot" });
  #sources = element("ul", { class: "sources quiet", "aria-label": "Sources" });
  #problem = element("p", { class: "note" });
  /** @type {(Prose | ThoughtView | OpaqueView | ToolBlock)[]} */
  #blocks = [];
  /** What an older message was drawn from; it is redrawn only if that changes. @type {unknown[]} */
  #settled = [];

  /** @param {Scene} scene @param {string} agent */
  constructor(scene, agent) {
    this.#scene = scene;
    this.element = element(
      "article",
      { class: "message assistant", "aria-label": agent || "Agent" },
      this.#body,
      this.#sources,
      this.#problem,
      this.#foot,
    );
  }

  /** @param {AssistantMessage} message @param {Around} around */
  show(message, around) {
    const { isStreaming, isLatest, results } = around;
    const isSettled = !isStreaming && !isLatest;
    const seen = [message, results, this.#scene.version];
    if (isSettled && seen.every((each, place) => each === this.#settled[place])) return;
    this.#settled = isSettled ? seen : [];
    const views = message.content.map((block, place) => this.#show(block, place, around, message.content.length));
    for (const gone of this.#blocks.slice(views.length)) if ("close" in gone) gone.close();
    this.#blocks = views;
    fill(
      this.#body,
      views.map((view) => view.element),
    );
    this.element.setAttribute("aria-busy", String(isStreaming));
    this.element.classList.toggle("streaming", isStreaming);
    const sources = isStreaming ? [] : sourcesOf(message.content);
    this.#sources.hidden = sources.length === 0;
    fill(this.#sources, sources);
    const what = isStreaming ? "" : endingOf(message);
    this.#problem.hidden = what === "";
    fill(this.#problem, visible(what));
    const spent = spentText(spentOf(message.usage));
    setText(this.#foot, isStreaming ? "" : [message.model, spent].filter(Boolean).join(" · "));
  }

  close() {
    for (const block of this.#blocks) if ("close" in block) block.close();
  }

  /** @param {AssistantBlock} block @param {number} place @param {Around} around @param {number} count */
  #show(block, place, around, count) {
    const isGrowing = around.isStreaming && place === count - 1;
    const there = this.#blocks[place];
    if (block.type === "text") {
      const view = there instanceof Prose ? there : new Prose(this.#scene.markdown);
      view.show(block.text, isGrowing);
      return view;
    }
    if (block.type === "thinking") {
      const view = there instanceof ThoughtView ? there : new ThoughtView();
      view.show(block, isGrowing);
      return view;
    }
    if (block.type === "opaque") {
      const view = there instanceof OpaqueView ? there : new OpaqueView();
      view.show(block);
      return view;
    }
    const view = there instanceof ToolBlock && there.id === block.id ? there : new ToolBlock(block, this.#scene);
    const state = this.#scene.stateOf(block.id, around.state, around.results, around.isLatest);
    view.show(block, state, around.isStreaming);
    return view;
  }
}

/** The model's thinking, collapsed. */
class ThoughtView {
  #words = element("div", { class: "words", dir: "auto" });
  #title = element("span", {}, "Thought");
  element = element("details", { class: "thought" }, element("summary", {}, icon("thought"), this.#title), this.#words);

  /** @param {Thinking} block @param {boolean} isGrowing */
  show({ thinking, redacted }, isGrowing) {
    setText(this.#title, isGrowing ? "Thinking…" : "Thought");
    setText(this.#words, redacted ? "The model's provider does not show this." : thinking);
  }
}

/** A note about what the model's provider did by itself; only the provider can read such a block. */
class OpaqueView {
  element = element("p", { class: "note" });

  /** @param {Opaque} block */
  show({ kind }) {
    setText(this.element, `By the model's provider itself: ${kind}`);
  }
}

/** Returns why a message ended early; empty for a normal end. @param {AssistantMessage} message */
function endingOf({ stopReason, errorMessage }) {
  if (stopReason === "aborted") return "Stopped";
  if (stopReason === "length") return "Cut off: the message reached the model's limit of length.";
  return stopReason === "error" ? `The model failed: ${errorMessage ?? "no reason was given"}` : "";
}

/** A tool result whose call is not in the transcript. */
export class OrphanView {
  element = element("article", { class: "message orphan", "aria-label": "Tool result" });

  /** @param {ToolResultMessage} message */
  show({ toolName, content }) {
    const words = content.map(labelOf).join("\n");
    fill(this.element, [
      element(
        "details",
        { class: "tool" },
        element("summary", {}, icon("tool"), toolName),
        element("div", { class: "tool-body" }, ...visible(words)),
      ),
    ]);
  }

  close() {}
}

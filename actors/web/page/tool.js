/** One tool call of a transcript: its arguments, progress and result, and the decision card while it waits. */

import { attachmentOf } from "./attachment.js";
import { DecisionCard } from "./card.js";
import { element, fill, setText } from "./element.js";
import { icon } from "./icon.js";
import { resolutionText } from "./resolution.js";
import { fieldsOf, summaryOf, valueOf, visible } from "./value.js";

/** @import { PendingCall, ToolCall, ToolResultMessage, ToolView, UserBlock } from "../js/protocol.js" */
/** @import { Scene } from "./scene.js" @import { Resolution } from "./resolution.js" */

/**
 * What the run knows of a call, besides the block in the model's message.
 * @typedef {object} CallState
 * @property {PendingCall | undefined} pending
 * @property {ToolView | undefined} tool
 * @property {ToolResultMessage | undefined} result
 * @property {Resolution | undefined} resolution
 * @property {boolean} isOpen whether the call belongs to the latest turn of a run that has not ended
 */

/** @typedef {"writing" | "waiting" | "client" | "running" | "done" | "refused" | "failed"} Stage */

/** @type {Record<Stage, string>} */
const WORDS = {
  writing: "being written",
  waiting: "waits for a decision",
  client: "waits for a client",
  running: "running",
  done: "done",
  refused: "not executed",
  failed: "failed",
};

export class ToolBlock {
  element;
  #scene;
  #call;
  #name = element("span", { class: "tool-name" });
  #summary = element("span", { class: "tool-summary" });
  #stage = element("span", { class: "tool-stage" });
  #mark = element("span", { class: "tool-mark" }, icon("tool"));
  #body = element("div", { class: "tool-body" });
  #details;
  #progress = element("div", { class: "progress", hidden: true });
  #note = element("p", { class: "note", hidden: true });
  /** @type {DecisionCard | null} */
  #card = null;
  /** @type {CallState | null} */
  #state = null;
  /** @type {unknown[]} */
  #shown = [];

  /** @param {ToolCall} call @param {Scene} scene */
  constructor(call, scene) {
    this.#scene = scene;
    this.#call = call;
    const summary = element("summary", {}, this.#mark, this.#name, this.#summary, this.#stage);
    this.#details = element("details", { class: "tool", toggle: () => this.#drawBody() }, summary, this.#body);
    this.element = element("div", { class: "call", "data-call": call.id }, this.#details, this.#progress, this.#note);
  }

  get id() {
    return this.#call.id;
  }

  /** @param {ToolCall} call @param {CallState} state @param {boolean} isStreaming */
  show(call, state, isStreaming) {
    const seen = [call, state.pending, state.tool, state.result, state.resolution, state.isOpen, isStreaming];
    if (seen.every((each, place) => each === this.#shown[place])) return;
    this.#shown = seen;
    this.#call = call;
    this.#state = state;
    const stage = stageOf(state, isStreaming);
    this.element.dataset["stage"] = stage;
    setText(this.#name, call.name);
    fill(this.#summary, visible(summaryOf(this.#input(state))));
    setText(this.#stage, this.#words(stage, state));
    this.#showProgress(state);
    this.#showNote(stage, state);
    this.#showCard(state);
    this.#drawBody();
  }

  close() {
    this.#card?.close();
  }

  /**
   * Returns the arguments that the call executes with: a decision's, otherwise the model's.
   * @param {CallState} state
   */
  #input({ tool, result, resolution }) {
    return result?.arguments ?? resolution?.arguments ?? tool?.args ?? this.#call.arguments;
  }

  /** @param {Stage} stage @param {CallState} state */
  #words(stage, { pending }) {
    if (stage !== "client") return WORDS[stage];
    if (pending?.claimed) return `executed by ${pending.claimedBy ?? "a client"}`;
    return this.#scene.executes(this.#call.name) ? "asking this browser" : "waits for another client";
  }

  /** @param {CallState} state */
  #showProgress({ tool, result, isOpen }) {
    const partial = isOpen && result === undefined && tool?.result == null ? tool?.partialResult : undefined;
    this.#progress.hidden = partial === undefined || partial === null;
    if (!this.#progress.hidden) fill(this.#progress, progressOf(partial));
  }

  /** @param {Stage} stage @param {CallState} state */
  #showNote(stage, { pending, tool, result, resolution }) {
    const failed = stage === "failed" ? textOf(result?.content ?? tool?.result?.content ?? []) : "";
    const decided = pending === undefined && resolution !== undefined ? resolutionText(resolution) : "";
    this.#note.hidden = failed === "" && decided === "";
    if (!this.#note.hidden)
      fill(this.#note, [
        decided && element("span", { class: "decided" }, icon("person"), ...visible(decided)),
        failed && element("span", { class: "failure" }, ...visible(failed)),
      ]);
  }

  /** @param {CallState} state */
  #showCard({ pending, isOpen }) {
    const { chat } = this.#scene;
    if (pending?.kind !== "decision" || !isOpen) return this.#dropCard();
    this.#details.hidden = true;
    if (this.#card !== null) return this.#card.show(pending);
    this.#card = new DecisionCard({
      call: pending,
      chat,
      onDecided: (id) => this.#scene.decidedHere(id),
      onRefused: (error) => this.#scene.toldByCard(error),
    });
    this.element.append(this.#card.element);
  }

  #dropCard() {
    if (this.#card === null) return;
    const hadFocus = this.#card.element.contains(document.activeElement);
    this.#card.close();
    this.#card.element.remove();
    this.#card = null;
    this.#details.hidden = false;
    if (hadFocus) this.#details.querySelector("summary")?.focus();
  }

  /** Draws the body. Results may be long, so they are drawn only while they can be seen. */
  #drawBody() {
    const state = this.#state;
    if (!this.#details.open || state === null) return;
    const content = state.result?.content ?? state.tool?.result?.content;
    fill(this.#body, [
      element("p", { class: "tool-label" }, "Arguments"),
      this.#call.rawArguments === undefined ? fieldsOf(this.#input(state)) : valueOf(this.#call.rawArguments),
      content && element("p", { class: "tool-label" }, "Result"),
      content && element("div", { class: "result" }, ...blocksOf(content)),
    ]);
  }
}

/** @param {CallState} state @param {boolean} isStreaming @returns {Stage} */
function stageOf({ pending, tool, result, resolution, isOpen }, isStreaming) {
  const isRefused = resolution !== undefined && resolution.outcome !== "decided" && resolution.decision === undefined;
  if (isRefused && (result ?? tool?.result) != null) return "refused";
  if (result !== undefined) return result.isError ? "failed" : "done";
  if (tool?.result != null) return tool.isError ? "failed" : "done";
  if (isStreaming) return "writing";
  if (pending !== undefined && isOpen) return pending.kind === "decision" ? "waiting" : "client";
  return isOpen ? "running" : "failed";
}

/** Draws the progress that a tool reports. An object with `done` and `total` becomes a bar. @param {any} partial */
function progressOf(partial) {
  const isCounted = Number.isFinite(partial?.done) && Number.isFinite(partial?.total) && partial.total > 0;
  if (!isCounted) return [...(typeof partial === "string" ? visible(partial) : [valueOf(partial)])];
  const { done, total, text = `${done} of ${total}` } = partial;
  return [element("progress", { value: done, max: total, "aria-label": "Progress" }), String(text)];
}

/** @param {readonly UserBlock[]} content */
function blocksOf(content) {
  if (content.length === 0) return [element("p", { class: "quiet" }, "Nothing")];
  return content.map((block) =>
    block.type === "text" ? valueOf(block.text) : attachmentOf(block, "Image from the tool"),
  );
}

/** @param {readonly UserBlock[]} content */
function textOf(content) {
  return content
    .map((block) => (block.type === "text" ? block.text : ""))
    .join("\n")
    .trim();
}

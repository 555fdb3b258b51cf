/** One run: its transcript, its timeline, and the buttons that stop and delete it. */

import { Chat } from "../js/chat.js";
import { asError } from "../js/errors.js";
import { age } from "./age.js";
import { confirm } from "./confirm.js";
import { Conversation } from "./conversation.js";
import { element, fill, setText } from "./element.js";
import { follow } from "./frame.js";
import { Notice } from "./notice.js";
import { hashOf } from "./route.js";
import { Scene } from "./scene.js";
import { statusMark } from "./status.js";
import { Timeline } from "./timeline.js";
import { spentOf, spentText } from "./usage.js";

/** @import { ChatState } from "../js/chat.js" @import { Message } from "../js/protocol.js" @import { App } from "./app.js" */

const MAX_TITLE = 100; // characters

export class RunView {
  title = "Run";
  element;
  #app;
  #runId;
  #part;
  #chat;
  #scene;
  #conversation;
  #timeline;
  #notice = new Notice();
  #heading = element("h1", {}, "Run");
  #facts = element("p", { class: "facts" });
  #actions = element("div", { class: "actions" });
  #stopFollowing;
  /** @type {string | null} */
  #status = null;

  /** @param {App} app @param {string} runId @param {"conversation" | "timeline"} part */
  constructor(app, runId, part) {
    this.#app = app;
    this.#runId = runId;
    this.#part = part;
    this.#chat = new Chat({
      transport: app.session.transport,
      onDecisionResolved: (resolution) => this.#scene.resolved(resolution),
    });
    this.#scene = new Scene(this.#chat, app.markdown);
    this.#conversation = new Conversation(this.#scene, "");
    this.#timeline = new Timeline(app.session, runId);
    this.#timeline.onEntry = (entry) => entry.kind === "decision" && this.#scene.resolved(entry);
    const parts = element(
      "nav",
      { class: "choices", "aria-label": "Parts of the run" },
      this.#link("conversation", "Conversation"),
      this.#link("timeline", "Timeline"),
    );
    this.element = element(
      "section",
      { class: "page" },
      element("p", { class: "back" }, element("a", { href: "#/runs" }, "All runs")),
      element("header", { class: "run-head" }, this.#heading, this.#facts, this.#actions),
      parts,
      this.#notice.element,
      part === "timeline" ? this.#timeline.element : this.#conversation.element,
    );
    this.#stopFollowing = follow(this.#chat, () => this.#show());
    this.#scene.onChange = () => this.#show();
  }

  opened() {
    void this.#chat.attach(this.#runId);
    void this.#timeline.load();
  }

  close() {
    this.#stopFollowing();
    this.#timeline.close();
    this.#conversation.close();
    this.#chat.close();
  }

  /** @param {"conversation" | "timeline"} part @param {string} words */
  #link(part, words) {
    return element(
      "a",
      { href: hashOf({ view: "run", runId: this.#runId, part }), "aria-current": part === this.#part ? "true" : null },
      words,
    );
  }

  #show() {
    const { state } = this.#chat;
    this.#notice.show(state.error !== null && this.#scene.isToldByCard(state.error) ? null : state.error);
    const { run } = state;
    if (run === null || run.agent === "") return;
    this.title = titleOf(state.messages);
    setText(this.#heading, this.title);
    this.#app.showTitle();
    this.#showFacts(state);
    if (this.#part === "conversation") this.#conversation.show(state);
    this.#timeline.show(state);
  }

  /** @param {ChatState} state */
  #showFacts({ run, status }) {
    if (run === null || status === "idle") return;
    const { agent, by, usage, expiresAt } = run;
    fill(this.#facts, [
      statusMark(status),
      element("span", {}, agent),
      by ? element("span", {}, `started by ${by}`) : null,
      spentText(spentOf(usage)) && element("span", {}, spentText(spentOf(usage))),
      expiresAt === undefined
        ? null
        : element("span", {}, status === "paused" ? "expires " : "deleted ", age(expiresAt)),
    ]);
    if (status === this.#status) return;
    this.#status = status;
    const isOver = status !== "running" && status !== "paused";
    fill(this.#actions, [
      element("a", { class: "button", href: hashOf({ view: "chat", agent, runId: this.#runId }) }, "Go on in the chat"),
      isOver ? null : element("button", { type: "button", click: () => void this.#abort() }, "Stop the run"),
      element("button", { type: "button", class: "danger", click: () => void this.#delete() }, "Delete"),
    ]);
  }

  async #abort() {
    const isSure = await confirm(
      "Stop this run?",
      "What it has said so far stays. Calls that wait are not executed.",
      "Stop the run",
    );
    if (isSure) await this.#chat.abort();
  }

  async #delete() {
    const isSure = await confirm(
      "Delete this run?",
      "Its conversation and its timeline are gone for good. A run that is not over is stopped first.",
      "Delete",
    );
    if (!isSure) return;
    try {
      await this.#app.session.delete(`runs/${encodeURIComponent(this.#runId)}`);
      location.hash = "#/runs";
    } catch (thrown) {
      this.#notice.show(asError(thrown));
    }
  }
}

/** Returns the first words of a person's last message. @param {readonly Message[]} messages */
function titleOf(messages) {
  const asked = messages.findLast(({ role }) => role === "user");
  if (asked?.role !== "user") return "Run";
  const { content } = asked;
  const words =
    typeof content === "string" ? content : content.map((block) => (block.type === "text" ? block.text : "")).join(" ");
  const line = [...words.replace(/\s+/g, " ").trim()];
  return line.length > MAX_TITLE ? `${line.slice(0, MAX_TITLE).join("")}…` : line.join("") || "Run";
}

/** One call of the inbox. When it is opened, it reads the run and shows the decision card. */

import { Chat } from "../js/chat.js";
import { age } from "./age.js";
import { DecisionCard } from "./card.js";
import { element, fill } from "./element.js";
import { follow } from "./frame.js";
import { Notice } from "./notice.js";
import { resolutionText } from "./resolution.js";
import { hashOf } from "./route.js";
import { visible } from "./value.js";

/** @import { ToolDecisionResolved } from "../js/protocol.js" @import { App } from "./app.js" */
/** @import { Waiting } from "./inboxview.js" */

const LINGER_MS = 6_000; // a decided call stays so long, with the decision

export class InboxItem {
  element;
  since;
  /** The call was decided, and the item shows the decision for a while. */
  isLingering = false;
  #app;
  #waiting;
  #onDecided;
  #onGone;
  #details;
  #body = element("div", { class: "inbox-body" });
  #notice = new Notice();
  /** @type {Chat | null} */
  #chat = null;
  /** @type {DecisionCard | null} */
  #card = null;
  #stop = () => {};
  #isOurs = false;
  /** @type {ToolDecisionResolved | null} */
  #resolution = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {App} app @param {Waiting} waiting @param {{ onDecided: () => void, onGone: () => void }} told */
  constructor(app, waiting, { onDecided, onGone }) {
    this.#app = app;
    this.#waiting = waiting;
    this.#onDecided = onDecided;
    this.#onGone = onGone;
    const { run, call } = waiting;
    this.since = call.since ?? 0;
    const summary = element(
      "summary",
      {},
      element("span", { class: "inbox-tool" }, call.toolName),
      element("span", { class: "inbox-title" }, ...visible(run.title ?? "")),
      element(
        "span",
        { class: "inbox-meta" },
        run.agent,
        call.since === undefined ? null : element("span", {}, age(call.since)),
        call.dueAt === undefined ? null : element("span", { class: "due" }, "expires ", age(call.dueAt)),
      ),
    );
    this.#details = element("details", { toggle: () => this.#toggle() }, summary, this.#body);
    this.element = element("li", {}, this.#details);
  }

  /** @param {{ focus?: boolean }} [options] focus: move the focus here */
  open({ focus = false } = {}) {
    this.#details.open = true;
    if (focus) this.#details.querySelector("summary")?.focus();
  }

  close() {
    clearTimeout(this.#timer);
    this.#leave();
  }

  #toggle() {
    if (!this.#details.open || this.isLingering) return this.#leave();
    if (this.#chat !== null) return;
    const { run } = this.#waiting;
    const chat = new Chat({
      transport: this.#app.session.transport,
      onDecisionResolved: (resolution) => this.#resolved(resolution),
    });
    this.#chat = chat;
    this.#stop = follow(chat, () => this.#show());
    fill(this.#body, [
      this.#notice.element,
      element("p", { class: "quiet loading" }, "Loading…"),
      element("a", { class: "more", href: hashOf({ view: "run", runId: run.runId }) }, "Open the conversation"),
    ]);
    void chat.attach(run.runId);
  }

  #leave() {
    this.#stop();
    this.#card?.close();
    this.#card = null;
    this.#chat?.close();
    this.#chat = null;
  }

  #show() {
    const { state } = /** @type {Chat} */ (this.#chat);
    const { toolCallId } = this.#waiting.call;
    const call = state.pendingDecisions.find((each) => each.toolCallId === toolCallId);
    if (call === undefined) {
      if (this.#card !== null) this.#settle("This call no longer waits");
      else this.#notice.show(state.error);
      return;
    }
    if (this.#card !== null) return this.#card.show(call);
    const chat = /** @type {Chat} */ (this.#chat);
    this.#card = new DecisionCard({ call, chat, onDecided: () => this.#decided() });
    this.#body.querySelector(".loading")?.replaceWith(this.#card.element);
  }

  /** The server took the decision of this card. */
  #decided() {
    this.#isOurs = true;
    if (this.#resolution !== null) this.#settle(this.#words(this.#resolution));
    this.#onDecided();
  }

  /** @param {ToolDecisionResolved} resolution */
  #resolved(resolution) {
    if (resolution.toolCallId !== this.#waiting.call.toolCallId) return;
    this.#resolution = resolution; // perhaps of our own decision, if the answer is later than the event
    this.#settle(this.#words(resolution));
  }

  /** @param {ToolDecisionResolved} resolution */
  #words(resolution) {
    const approval = resolution.decision?.approved === true;
    return resolutionText({ ...resolution, approval, isOurs: this.#isOurs });
  }

  /** Show the decision, and leave the inbox after a while. @param {string} words */
  #settle(words) {
    this.#leave();
    fill(this.#body, [element("p", { class: "note" }, ...visible(words))]);
    if (this.isLingering) return;
    this.isLingering = true;
    this.#app.announce(`${this.#waiting.call.toolName}: ${words}`);
    this.#timer = setTimeout(() => {
      this.isLingering = false;
      this.#onGone();
    }, LINGER_MS);
  }
}

/** One call of the inbox. When opened, it reads the run and shows the decision card. */

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

const LINGER_MS = 6_000; // how long a decided call stays, with its decision

export class InboxItem {
  element;
  since;
  /** Whether the call was decided and the item still shows the decision. */
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
    const { run, call, place, count } = waiting;
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
        count === 1 ? null : element("span", {}, `call ${place} of ${count}`),
        call.since === undefined ? null : element("span", {}, age(call.since)),
        call.dueAt === undefined ? null : element("span", { class: "due" }, "expires ", age(call.dueAt)),
      ),
    );
    this.#details = element("details", { toggle: () => this.#toggle() }, summary, this.#body);
    this.element = element("li", {}, this.#details);
  }

  /** @param {{ focus?: boolean }} [options] focus: whether to move the focus here */
  open({ focus = false } = {}) {
    this.#details.open = true;
    if (focus) this.#details.querySelector("summary")?.focus();
  }

  /** Whether the item stays although its call no longer waits: this window decides it, or shows the decision. */
  get isStaying() {
    return this.isLingering || this.#isOurs || this.#card?.isBusy === true;
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
    const chat = this.#chat;
    if (chat === null) return; // the item was closed before the server answered its card
    const { state } = chat;
    const { toolCallId } = this.#waiting.call;
    const call = state.pendingDecisions.find((each) => each.toolCallId === toolCallId);
    if (call === undefined) {
      if (this.#card === null) this.#notice.show(state.error);
      else if (!this.#card.isBusy) this.#settle(this.#isOurs ? "Decided by you" : "This call no longer waits");
      return;
    }
    if (this.#card !== null) return this.#card.show(call);
    const [onDecided, onRefused] = [() => this.#decided(), () => this.#tell()];
    this.#card = new DecisionCard({ call, chat, onDecided, onRefused });
    this.#body.querySelector(".loading")?.replaceWith(this.#card.element);
  }

  /** Notes that the server accepted the decision of this card. */
  #decided() {
    this.#isOurs = true;
    this.#tell();
    this.#onDecided();
  }

  /** @param {ToolDecisionResolved} resolution */
  #resolved(resolution) {
    if (resolution.toolCallId !== this.#waiting.call.toolCallId) return;
    this.#resolution = resolution;
    // The answer to this card's own decision may come after the event, and only the answer tells that it is ours.
    if (this.#card?.isBusy !== true) this.#tell();
  }

  /** Shows who decided and how, once that is known. */
  #tell() {
    if (this.#resolution !== null) this.#settle(this.#words(this.#resolution));
    else this.#show(); // the event is still to come, or a snapshot replaced it
  }

  /** @param {ToolDecisionResolved} resolution */
  #words(resolution) {
    const approval = resolution.decision?.approved === true;
    return resolutionText({ ...resolution, approval, isOurs: this.#isOurs });
  }

  /** Shows the decision, and removes the item after a while. @param {string} words */
  #settle(words) {
    this.#leave();
    fill(this.#body, [element("p", { class: "note" }, ...visible(words))]);
    if (this.isLingering) return;
    this.isLingering = true;
    this.#app.announce(`${this.#waiting.call.toolName}: ${words}`);
    this.#timer = setTimeout(() => {
      this.isLingering = false;
      this.#isOurs = false;
      this.#onGone();
    }, LINGER_MS);
  }
}

/** A card for one call that waits for a decision: what is asked, everything that would be executed, and the answer. */

import { age } from "./age.js";
import { element, fill } from "./element.js";
import { decisionForm, FormError } from "./form.js";
import { icon } from "./icon.js";
import { problemOf } from "./problem.js";
import { Reason } from "./reason.js";
import { fieldsOf, visible } from "./value.js";

/** @import { Chat } from "../js/chat.js" @import { AdjournError } from "../js/errors.js" */
/** @import { PendingCall } from "../js/protocol.js" */

/**
 * @typedef {object} CardOptions
 * @property {PendingCall} call
 * @property {Chat} chat of the call's run
 * @property {(toolCallId: string) => void} [onDecided] the server took the decision that was made here
 */

export class DecisionCard {
  element;
  #chat;
  #call;
  #onDecided;
  #form;
  #due = element("span", { class: "due" });
  #problem = element("div", { class: "problem", role: "alert", hidden: true });
  #hint = element("p", { class: "hint" }, "Read the arguments to their end first.");
  #send;
  #decline;
  #buttons;
  #reason;
  #isRead = false;
  #isBusy = false;
  /** @type {IntersectionObserver} */
  #reader;

  /** @param {CardOptions} options */
  constructor({ call, chat, onDecided = () => {} }) {
    this.#chat = chat;
    this.#call = call;
    this.#onDecided = onDecided;
    const { toolCallId: id, input, editable, parameters, schema = {}, approval = false } = call;
    this.#form = decisionForm({ schema, approval, input, editable, parameters, idPrefix: `decision-${id}` });
    this.#send = element(
      "button",
      { class: "primary", type: "submit", "aria-describedby": `hint-${id}` },
      icon("check"),
      approval ? "Approve" : "Send decision",
    );
    this.#decline = element("button", { type: "button", click: () => this.#sayNo() }, "Decline");
    this.#buttons = element("div", { class: "actions" }, this.#send, this.#decline);
    this.#reason = new Reason(`reason-${id}`, (reason) => this.#sendDecline(reason));
    this.#hint.id = `hint-${id}`;
    const end = element("div", { class: "end-of-arguments" });
    this.element = element(
      "article",
      { class: "card", "aria-labelledby": `title-${id}` },
      this.#head(),
      this.#readOnly(end),
      element(
        "form",
        { novalidate: true, submit: (/** @type {Event} */ event) => this.#submit(event) },
        this.#form.element,
        this.#problem,
        this.#hint,
        this.#buttons,
      ),
      approval ? null : this.#reason.element, // a yes or no has its reason in the form
    );
    this.#reader = new IntersectionObserver((entries) => this.#saw(entries));
    this.#reader.observe(end);
    this.show(call);
  }

  /** Show what may change while the call waits. @param {PendingCall} call */
  show(call) {
    this.#call = call;
    const due = call.dueAt === undefined ? [] : [icon("clock"), "Expires ", age(call.dueAt)];
    if (this.#due.dataset["at"] !== String(call.dueAt)) fill(this.#due, due);
    this.#due.dataset["at"] = String(call.dueAt);
    this.#enable();
  }

  close() {
    this.#reader.disconnect();
  }

  #head() {
    const { toolCallId, toolName, description, since } = this.#call;
    return element(
      "header",
      {},
      element("p", { class: "eyebrow" }, "Needs a decision"),
      element("h2", { id: `title-${toolCallId}` }, toolName),
      description ? element("p", { class: "description" }, description) : null,
      element(
        "p",
        { class: "meta" },
        since === undefined ? null : element("span", {}, "Waiting since ", age(since)),
        this.#due,
      ),
    );
  }

  /** The arguments that no field of the form shows. @param {Element} end */
  #readOnly(end) {
    const { toolCallId, toolName, input, editable } = this.#call;
    const isField = (/** @type {string} */ name) =>
      editable === true || (Array.isArray(editable) && editable.includes(name));
    const rest = Object.fromEntries(Object.entries(input).filter(([name]) => !isField(name)));
    const isEmpty = Object.keys(rest).length === 0 && Object.keys(input).length > 0;
    const label = `Arguments of ${toolName}`;
    const shown = isEmpty ? null : fieldsOf(rest);
    return element(
      "div",
      { class: "arguments", id: `arguments-${toolCallId}`, role: "group", tabindex: 0, "aria-label": label },
      shown,
      end,
    );
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #saw(entries) {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    this.#isRead = true;
    this.#reader.disconnect();
    this.#enable();
  }

  #enable() {
    this.#send.disabled = !this.#isRead;
    this.#hint.hidden = this.#isRead;
    // Not `disabled`: the pressed button would lose the focus.
    for (const button of [this.#send, this.#decline]) button.setAttribute("aria-disabled", String(this.#isBusy));
    this.element.setAttribute("aria-busy", String(this.#isBusy));
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    if (this.#isBusy || !this.#isRead) return;
    const entered = this.#entered();
    if (entered === null) return;
    const { decision, edited } = entered;
    const { toolCallId } = this.#call;
    void this.#act(() => this.#chat.respondWithDecision(decision, { toolCallId, arguments: edited }));
  }

  /** What the form holds; null where it shows what is missing. */
  #entered() {
    try {
      return { decision: this.#form.value("approve"), edited: this.#form.arguments() };
    } catch (error) {
      if (error instanceof FormError) return null;
      throw error;
    }
  }

  /** The form of a yes or no has a field for the reason; for all else it is asked now. */
  #sayNo() {
    if (this.#call.approval) this.#sendDecline(this.#form.reason());
    else this.#reason.open(this.#decline, this.#buttons);
  }

  /** @param {string | undefined} reason */
  #sendDecline(reason) {
    const { toolCallId } = this.#call;
    void this.#act(() => this.#chat.decline({ toolCallId, ...(reason ? { reason } : {}) }));
  }

  /** @param {() => Promise<boolean>} action */
  async #act(action) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#problem.hidden = true;
    this.#enable();
    const isTaken = await action();
    const error = isTaken ? null : this.#chat.error;
    this.#isBusy = false;
    this.#enable();
    if (isTaken) this.#onDecided(this.#call.toolCallId);
    else if (error !== null) this.#tell(error);
  }

  /** @param {AdjournError} error */
  #tell(error) {
    const { what, advice } = problemOf(error);
    fill(this.#problem, [element("p", {}, ...visible(what)), element("p", {}, advice)]);
    this.#problem.hidden = false;
    if (error.type === "decisionInvalid") this.#form.showErrors(error.data["errors"] ?? []);
  }
}

/** The card of a call that waits for a decision: what would be executed, and the form for the decision. */

import { age } from "./age.js";
import { element, fill, setText } from "./element.js";
import { decisionForm, FormError } from "./form.js";
import { icon } from "./icon.js";
import { problemOf } from "./problem.js";
import { Reason } from "./reason.js";
import { fieldsOf, visible } from "./value.js";

/** @import { Chat } from "../js/chat.js" @import { AdjournError } from "../js/errors.js" */
/** @import { PendingCall } from "../js/protocol.js" */

const UNREAD = "Read the arguments to their end first.";
const NARROW = 32; // characters in a line of a field, on a narrow screen

/**
 * @typedef {object} CardOptions
 * @property {PendingCall} call
 * @property {Chat} chat of the call's run
 * @property {(toolCallId: string) => void} [onDecided] called when the server has accepted the decision of this card
 * @property {(error: AdjournError) => void} [onRefused] called when the server has refused it; the card shows why
 */

export class DecisionCard {
  element;
  #chat;
  #call;
  #onDecided;
  #onRefused;
  #form;
  #due = element("span", { class: "due" });
  #problem = element("div", { class: "problem", role: "alert", hidden: true });
  #hint = element("p", { class: "hint" });
  #send;
  #decline;
  #buttons;
  #reason;
  /**
   * The ends of the arguments and of the form that were not in sight yet. Until then nothing can be approved.
   * @type {Set<Element>}
   */
  #unread;
  /** Whether a decision was sent and the server has not answered. */
  isBusy = false;
  /** @type {IntersectionObserver} */
  #reader;

  /** @param {CardOptions} options */
  constructor({ call, chat, onDecided = () => {}, onRefused = () => {} }) {
    this.#chat = chat;
    this.#call = call;
    this.#onDecided = onDecided;
    this.#onRefused = onRefused;
    const { toolCallId: id, input, editable, parameters, schema = {}, approval = false } = call;
    this.#form = decisionForm({ schema, approval, input, editable, parameters, idPrefix: `decision-${id}` });
    this.#send = element(
      "button",
      { class: "primary", type: "button", "aria-describedby": `hint-${id}`, click: () => this.#decide() },
      icon("check"),
      approval ? "Approve" : "Send decision",
    );
    this.#decline = element("button", { type: "button", click: () => this.#sayNo() }, "Decline");
    this.#buttons = element("div", { class: "actions" }, this.#send, this.#decline);
    this.#reason = new Reason(`reason-${id}`, (reason) => this.#sendDecline(reason));
    this.#hint.id = `hint-${id}`;
    const ends = [element("div", { class: "end" }), element("div", { class: "end" })];
    this.element = element(
      "article",
      { class: "card", "aria-labelledby": `title-${id}` },
      this.#head(),
      this.#readOnly(ends[0]),
      element(
        "form",
        // Enter in a field must not decide; only the button does.
        { novalidate: true, submit: (/** @type {Event} */ event) => event.preventDefault() },
        this.#form.element,
        ends[1],
        this.#problem,
        this.#hint,
        this.#buttons,
      ),
      approval ? null : this.#reason.element, // an approval's form has its own field for the reason
    );
    for (const text of this.#form.element.querySelectorAll("textarea")) text.rows = Math.max(text.rows, linesOf(text));
    this.#unread = new Set(ends);
    this.#reader = new IntersectionObserver((entries) => this.#saw(entries));
    for (const end of ends) this.#reader.observe(end);
    this.show(call);
  }

  /** Shows the call's deadline, which may change while the call waits. @param {PendingCall} call */
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
        since === undefined ? null : element("span", {}, "Asked ", age(since)),
        this.#due,
      ),
    );
  }

  /** Draws the arguments that are not fields of the form. @param {Element} end what follows them */
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
    for (const { target, isIntersecting } of entries) if (isIntersecting) this.#unread.delete(target);
    this.#enable();
  }

  #enable() {
    this.#send.disabled = this.#unread.size > 0;
    this.#hint.hidden = !this.#send.disabled;
    setText(this.#hint, this.#send.disabled ? UNREAD : ""); // screen readers would read it even while it is hidden
    // `disabled` would take the focus away from the pressed button.
    for (const button of [this.#send, this.#decline]) button.setAttribute("aria-disabled", String(this.isBusy));
    this.element.setAttribute("aria-busy", String(this.isBusy));
  }

  #decide() {
    if (this.isBusy || this.#unread.size > 0) return;
    const entered = this.#entered();
    if (entered === null) return;
    const { decision, edited } = entered;
    const { toolCallId } = this.#call;
    void this.#act(() => this.#chat.respondWithDecision(decision, { toolCallId, arguments: edited }));
  }

  /** Returns the decision and the edited arguments; null if the form shows what is missing. */
  #entered() {
    try {
      return { decision: this.#form.value("approve"), edited: this.#form.arguments() };
    } catch (error) {
      if (error instanceof FormError) return null;
      throw error;
    }
  }

  /** Declines the call. An approval's form has a field for the reason; for other decisions this asks for it. */
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
    if (this.isBusy) return;
    this.isBusy = true;
    this.#problem.hidden = true;
    this.#enable();
    const isTaken = await action();
    const error = isTaken ? null : this.#chat.error;
    this.isBusy = false;
    this.#enable();
    if (isTaken) this.#onDecided(this.#call.toolCallId);
    else if (error !== null) this.#tell(error);
  }

  /** @param {AdjournError} error */
  #tell(error) {
    this.#onRefused(error);
    const { what, advice } = problemOf(error);
    fill(this.#problem, [element("p", {}, ...visible(what)), element("p", {}, advice)]);
    this.#problem.hidden = false;
    if (error.type === "decisionInvalid") this.#form.showErrors(error.data["errors"] ?? []);
  }
}

/** Returns how many lines a text takes at most on a narrow screen. @param {HTMLTextAreaElement} text */
function linesOf({ value }) {
  return value.split("\n").reduce((sum, line) => sum + Math.ceil((line.length + 1) / NARROW), 0);
}

/** Asks for the reason when a call is declined. Replaces the card's buttons while it is open. */

import { element } from "./element.js";

/** A small form, hidden until it is opened. */
export class Reason {
  element;
  #text;
  /** @type {{ button: HTMLElement, row: HTMLElement } | null} */
  #opener = null;

  /**
   * @param {string} id of the field
   * @param {(reason: string | undefined) => void} onDecline undefined: no reason was given
   */
  constructor(id, onDecline) {
    this.#text = element("textarea", {
      id,
      rows: 2,
      keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    });
    const decline = element("button", { class: "danger", type: "submit" }, "Decline");
    const back = element("button", { type: "button", click: () => this.close() }, "Back");
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      onDecline(this.#text.value.trim().toWellFormed() || undefined);
    };
    this.element = element(
      "form",
      { class: "reason", hidden: true, submit },
      element(
        "label",
        { for: id },
        "Reason for declining ",
        element("span", { class: "quiet" }, "(optional; the model reads it)"),
      ),
      this.#text,
      element("div", { class: "actions" }, decline, back),
    );
  }

  /** @param {HTMLElement} button gets the focus back @param {HTMLElement} row of buttons, hidden while this is open */
  open(button, row) {
    this.#opener = { button, row };
    row.hidden = true;
    this.element.hidden = false;
    this.#text.focus();
  }

  close() {
    this.element.hidden = true;
    if (this.#opener === null) return;
    this.#opener.row.hidden = false;
    this.#opener.button.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape") this.close();
  }
}

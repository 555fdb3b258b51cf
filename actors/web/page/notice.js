/** An error in plain words, shown where it happened. */

import { element, fill } from "./element.js";
import { problemOf } from "./problem.js";
import { visible } from "./value.js";

/** @import { AdjournError } from "../js/errors.js" */

export class Notice {
  element = element("div", { class: "problem", role: "alert", hidden: true });
  /** @type {AdjournError | null} */
  #shown = null;

  /** @param {AdjournError | null} error null: none @param {...HTMLElement} actions buttons and links that may help */
  show(error, ...actions) {
    if (error?.type === "unauthorized") return; // the page asks for a token instead
    if (error === this.#shown) return;
    this.#shown = error;
    this.element.hidden = error === null;
    if (error === null) return fill(this.element, []);
    const { what, advice } = problemOf(error);
    fill(this.element, [element("p", { class: "what" }, ...visible(what)), element("p", {}, advice), ...actions]);
  }
}

/** An error, told in plain words where it happened. */

import { element, fill } from "./element.js";
import { problemOf } from "./problem.js";
import { visible } from "./value.js";

/** @import { AdjournError } from "../js/errors.js" */

export class Notice {
  element = element("div", { class: "problem", role: "alert", hidden: true });
  /** @type {AdjournError | null} */
  #shown = null;

  /** @param {AdjournError | null} error null: there is none @param {...HTMLElement} actions what can be done about it */
  show(error, ...actions) {
    if (error === this.#shown) return;
    this.#shown = error;
    this.element.hidden = error === null;
    if (error === null) return fill(this.element, []);
    const { what, advice } = problemOf(error);
    fill(this.element, [element("p", { class: "what" }, ...visible(what)), element("p", {}, advice), ...actions]);
  }
}

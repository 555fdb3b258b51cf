/** A list of distinct values out of a few: one checkbox each. */

import { make } from "./formdom.js";
import { isEqual } from "./formequal.js";
import { Field } from "./formfield.js";

/** @import { Fault, Form, Place } from "./formfield.js" @import { Shape } from "./formschema.js" */

export class ChecklistField extends Field {
  #boxes;
  /** The list that was filled in. Keeps its order until a box changes. @type {any[] | undefined} */
  #given;

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    super(form, shape, place);
    this.#boxes = (shape.options ?? []).map((option) => ({ option, input: make("input", { type: "checkbox" }) }));
    const rows = this.#boxes.map(({ option, input }) =>
      make("label", { class: "form-option" }, input, make("span", {}, option.label)),
    );
    const { label, hint, error } = this.parts;
    const options = make("div", { class: "form-options" }, ...rows);
    const group = { class: "form-checks", "aria-describedby": this.describedBy };
    this.element.append(make("fieldset", group, make("legend", {}, label), hint, options, error));
  }

  get controls() {
    return this.#boxes.map(({ input }) => input);
  }

  get #ticked() {
    return this.#boxes.filter(({ input }) => input.checked).map(({ option }) => option.value);
  }

  /** @param {Fault[]} faults @param {string} path */
  read(faults, path) {
    const { minItems = 0, maxItems = Infinity } = this.shape.schema;
    const ticked = this.#ticked;
    if (this.#given !== undefined && isSameSet(this.#given, ticked)) return this.#given;
    if (ticked.length === 0 && this.mayBeAbsent) return this.absent;
    if (ticked.length < minItems) return this.fault(faults, path, `Choose at least ${minItems}.`);
    if (ticked.length > maxItems) return this.fault(faults, path, `Choose at most ${maxItems}.`);
    return ticked;
  }

  /** Returns itself: its items have no fields of their own. */
  at() {
    return this;
  }

  /** @param {any} value */
  fill(value) {
    this.#given = Array.isArray(value) ? value : undefined;
    for (const { option, input } of this.#boxes) {
      input.checked = this.#given?.some((item) => isEqual(item, option.value)) ?? false;
    }
  }
}

/** @param {unknown[]} one @param {unknown[]} other each without duplicates */
function isSameSet(one, other) {
  return one.length === other.length && one.every((value) => other.some((each) => isEqual(each, value)));
}

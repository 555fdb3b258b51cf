/** An optional part: a checkbox, and below it the part's fields, drawn when it is first ticked. */

import { make } from "./formdom.js";
import { Field } from "./formfield.js";

/** @import { Fault, Form, Place } from "./formfield.js" @import { Shape } from "./formschema.js" */

export class OptionalField extends Field {
  #box;
  #body;
  /** @type {Field | null} */
  #part = null;
  /** Whether null was filled in. Null is the value until the box is ticked. */
  #isNull = false;

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    super(form, shape, place);
    this.#box = make("input", { type: "checkbox", id: this.id, "aria-describedby": this.describedBy });
    this.#body = make("div", { class: "form-part", role: "group", hidden: true });
    const { label, hint, error } = this.parts;
    const option = make("label", { class: "form-option form-toggle" }, this.#box, label);
    this.element.append(option, hint, this.#body, error);
    this.#box.addEventListener("change", () => this.#toggle(this.#box.checked));
  }

  get controls() {
    return [this.#box];
  }

  /** @param {boolean} isGiven */
  #toggle(isGiven) {
    this.#box.checked = isGiven;
    this.#isNull = false;
    if (isGiven && this.#part === null) {
      const shape = { ...this.shape, nullable: false };
      this.#part = this.form.drawShape(shape, { label: this.label, required: true, isBranch: true });
      this.#body.append(this.#part.element);
    }
    this.#body.ariaLabel = this.label;
    this.#body.hidden = !isGiven;
  }

  /** @param {Fault[]} faults @param {string} path */
  read(faults, path) {
    if (this.#box.checked) return this.#part?.read(faults, path);
    return this.#isNull ? null : this.absent;
  }

  /** @param {any} value */
  fill(value) {
    const isNull = value === null && this.shape.nullable;
    this.#toggle(value !== undefined && !isNull);
    this.#isNull = isNull;
    if (this.#box.checked) this.#part?.fill(value);
  }

  /** @param {string[]} steps @returns {Field | null} */
  at(steps) {
    if (!this.#box.checked || steps.length === 0) return super.at(steps);
    return this.#part?.at(steps) ?? null;
  }
}

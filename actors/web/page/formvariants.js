/** The branches of `oneOf` or `anyOf`: a choice, and the fields of the chosen branch, drawn when it is first chosen. */

import { picker } from "./formchoice.js";
import { make } from "./formdom.js";
import { Field } from "./formfield.js";
import { fits } from "./formfits.js";

/** @import { Fault, Form, Place } from "./formfield.js" @import { Shape } from "./formschema.js" */

export class VariantsField extends Field {
  #variants;
  #picker;
  #body = make("div", { class: "form-variant" });
  /** The drawn fields, by the branch's index. @type {Map<number, Field>} */
  #drawn = new Map();

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    super(form, shape, place);
    this.#variants = shape.variants ?? [];
    this.#picker = picker(
      this,
      this.#variants.map(({ label }) => label),
    );
    this.#picker.element.addEventListener("change", () => this.#show());
    this.element.append(this.#picker.element, this.#body);
  }

  get controls() {
    return this.#picker.controls;
  }

  focus() {
    this.#picker.focus();
  }

  /** The field of the chosen branch; null: none is chosen. */
  get #chosen() {
    const { index } = this.#picker;
    if (index < 0) return null;
    const known = this.#drawn.get(index);
    if (known !== undefined) return known;
    const { schema, label } = this.#variants[index];
    const field = this.form.draw(schema, { label, required: true, isBranch: true, told: this.shape.discriminator });
    this.#drawn.set(index, field);
    return field;
  }

  #show() {
    const field = this.#chosen;
    this.#body.replaceChildren(...(field?.isShown ? [field.element] : []));
  }

  /** @param {Fault[]} faults @param {string} path */
  read(faults, path) {
    if (this.#chosen !== null) return this.#chosen.read(faults, path);
    this.fault(faults, path, "Choose one.");
  }

  /** @param {any} value */
  fill(value) {
    this.#drawn.clear();
    const fitting =
      value === undefined ? -1 : this.#variants.findIndex(({ schema }) => fits(value, schema, this.form.reader));
    this.#picker.index = fitting;
    if (fitting >= 0) this.#chosen?.fill(value);
    this.#show();
  }

  /** @param {string[]} steps @returns {Field | null} */
  at(steps) {
    return this.#chosen?.at(steps) ?? super.at(steps);
  }
}

/**
 * A choice of one value out of a few: radio buttons up to four, a select beyond. Also a constant, which is no choice.
 */

import { make } from "./formdom.js";
import { isEqual } from "./formequal.js";
import { Field } from "./formfield.js";

/** @import { Fault, Form, Place } from "./formfield.js" @import { Option, Shape } from "./formschema.js" */

const MAX_RADIOS = 4;

/**
 * Shows labels and knows which one is chosen, as an index; -1: none.
 * @typedef {object} Picker
 * @property {HTMLElement} element
 * @property {HTMLElement[]} controls
 * @property {number} index
 * @property {() => void} focus
 */

/** @param {Field} field @param {string[]} labels @returns {Picker} */
export function picker(field, labels) {
  return labels.length <= MAX_RADIOS ? radios(field, labels) : select(field, labels);
}

/** @param {Field} field @param {string[]} labels @returns {Picker} */
function radios(field, labels) {
  const inputs = labels.map((_, index) =>
    make("input", { type: "radio", name: field.id, id: `${field.id}-${index}`, value: String(index) }),
  );
  const rows = inputs.map((input, index) =>
    make("label", { class: "form-option" }, input, make("span", {}, labels[index])),
  );
  const { label, hint, error } = field.parts;
  const state = { "aria-describedby": field.describedBy, "aria-required": field.ariaRequired };
  const options = make("div", { class: "form-options" }, ...rows);
  const group = { class: "form-radios", role: "radiogroup", ...state };
  const element = make("fieldset", group, make("legend", {}, label), hint, options, error);
  return {
    element,
    controls: [element],
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0])?.focus(),
    get index() {
      return inputs.findIndex((input) => input.checked);
    },
    set index(chosen) {
      inputs.forEach((input, index) => (input.checked = index === chosen));
    },
  };
}

/** @param {Field} field @param {string[]} labels @returns {Picker} */
function select(field, labels) {
  const none = make("option", { value: "" }, "Choose…");
  const options = labels.map((label, index) => make("option", { value: String(index) }, label));
  const state = { "aria-describedby": field.describedBy, "aria-required": field.ariaRequired };
  const control = make("select", { id: field.id, class: "form-control", ...state }, none, ...options);
  const { label, hint, error } = field.parts;
  return {
    element: make("div", { class: "form-select" }, make("label", { for: field.id }, label), hint, control, error),
    controls: [control],
    focus: () => control.focus(),
    get index() {
      return control.selectedIndex - 1;
    },
    set index(chosen) {
      control.selectedIndex = chosen + 1;
    },
  };
}

/** A choice of one of the schema's values. If the value may be absent, that is one more option. */
export class ChoiceField extends Field {
  #options;
  #picker;

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    super(form, shape, place);
    /** @type {Option[]} */
    const none = shape.nullable ? [{ label: "None", value: null }] : [];
    const absent = place.required ? [] : [{ label: "Not given", value: undefined }];
    this.#options = [...(shape.options ?? []), ...none, ...absent];
    this.#picker = picker(
      this,
      this.#options.map(({ label }) => label),
    );
    this.element.append(this.#picker.element);
    this.fill(undefined);
  }

  get controls() {
    return this.#picker.controls;
  }

  focus() {
    this.#picker.focus();
  }

  /** @param {Fault[]} faults @param {string} path */
  read(faults, path) {
    const { index } = this.#picker;
    if (index >= 0) return this.#options[index].value;
    this.fault(faults, path, "Choose one.");
  }

  /** @param {any} value */
  fill(value) {
    const index = this.#options.findIndex((option) => isEqual(option.value, value));
    this.#picker.index = index >= 0 || !this.mayBeAbsent ? index : this.#options.length - 1;
  }
}

/** The only value that the schema allows: shown, but not editable. */
export class ConstantField extends Field {
  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    super(form, shape, place);
    this.isShown = !place.isBranch;
    const { label, hint, error } = this.parts;
    const text = shape.options?.[0].label ?? JSON.stringify(shape.value);
    if (this.isShown)
      this.element.append(make("p", { class: "form-constant" }, label, make("span", {}, text)), hint, error);
  }

  read() {
    return this.shape.value;
  }
}

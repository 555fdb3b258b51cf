/** A field with a text control: text, numbers, dates, JSON. Its codec converts between text and value. */

import { codecOf } from "./formcodecs.js";
import { make } from "./formdom.js";
import { Field } from "./formfield.js";
import { codeOf, unseenIn } from "./unseen.js";

/** @import { Fault, Form, Place } from "./formfield.js" @import { Shape } from "./formschema.js" */

const LONG = 120; // characters; longer text needs several lines

export class TextField extends Field {
  #codec;
  /** @type {HTMLInputElement | HTMLTextAreaElement} */
  #control;
  /** The value that was filled in. Returned unchanged until its text is edited. @type {any} */
  #given = undefined;
  /** The text of that value. */
  #shown = "";

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    super(form, shape, place);
    this.#codec = codecOf(shape);
    this.#control = this.#make(this.#codec.isLong === true);
    const { label, hint, error } = this.parts;
    this.hint(this.#codec.note());
    this.element.append(make("label", { for: this.id }, label), hint, this.#control, error);
  }

  get controls() {
    return [this.#control];
  }

  /** @param {boolean} isLong */
  #make(isLong) {
    const { type, inputMode, isCode } = this.#codec;
    const [example] = Array.isArray(this.shape.schema.examples) ? this.shape.schema.examples : [];
    const attributes = {
      id: this.id,
      class: isCode ? "form-control form-code" : "form-control",
      autocomplete: "off",
      inputmode: inputMode ?? null,
      placeholder: example === undefined ? null : this.#codec.show(example),
      "aria-describedby": this.describedBy,
      "aria-required": this.ariaRequired,
      spellcheck: isCode || type !== "text" ? "false" : null,
    };
    if (isLong) return make("textarea", { ...attributes, rows: isCode ? "4" : "3" });
    return make("input", { ...attributes, type, step: /^(time|datetime-local)$/.test(type) ? "any" : null });
  }

  /** @param {Fault[]} faults @param {string} path */
  read(faults, path) {
    const { value: text, validity } = this.#control;
    if (validity.badInput) return this.fault(faults, path, "This is incomplete."); // an incomplete date reads as ""
    if (text === this.#shown && this.#given !== undefined) return this.#given; // the server has checked it
    try {
      const value = this.#entered(text);
      if (value === undefined) return this.#nothing(faults, path);
      this.#codec.check(value);
      return value;
    } catch (error) {
      this.fault(faults, path, error instanceof Error ? error.message : String(error));
    }
  }

  /** Returns a text's value. Undefined: nothing was entered. @param {string} text */
  #entered(text) {
    if (text.trim() !== "") return this.#codec.parse(text);
    if (this.shape.kind !== "text") return undefined;
    const isEmptied = this.place.required && typeof this.#given === "string"; // the person has deleted the text
    return text !== "" || isEmptied ? this.#codec.parse(text) : undefined;
  }

  /** @param {Fault[]} faults @param {string} path */
  #nothing(faults, path) {
    if (!this.mayBeAbsent) return this.fault(faults, path, "Fill this in.");
    return this.absent;
  }

  /** @param {any} value */
  fill(value) {
    this.#given = value;
    const text = value === undefined || (value === null && this.shape.nullable) ? "" : this.#codec.show(value);
    if (this.#control.tagName === "INPUT" && (text.length > LONG || /[\r\n]/.test(text))) this.#replace(true);
    this.#control.value = text;
    if (this.#control.value !== text && this.#control instanceof HTMLInputElement) {
      this.#control.type = "text"; // a date control would show nothing for a value that is no date
      this.#control.value = text;
    }
    this.#shown = this.#control.value;
    this.hint([this.#codec.note(), unseenNote(text)].filter((note) => note !== "").join(" "));
  }

  /** Returns itself for JSON, whose parts have no fields. @param {string[]} steps @returns {Field | null} */
  at(steps) {
    return this.shape.kind === "json" ? this : super.at(steps);
  }

  /** @param {boolean} isLong */
  #replace(isLong) {
    const control = this.#make(isLong);
    this.#control.replaceWith(control);
    this.#control = control;
  }
}

/**
 * Names characters that a control doesn't show, such as those that reverse the writing direction.
 * @param {string} text
 */
function unseenNote(text) {
  const codes = unseenIn(text)
    .filter((char) => char !== "\r") // end of a line
    .map(codeOf);
  return codes.length === 0 ? "" : `It holds characters that can't be seen: ${codes.slice(0, 5).join(", ")}.`;
}

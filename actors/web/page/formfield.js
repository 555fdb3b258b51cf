/** What every field of a form has: its label, hint and error, and how it is read, filled and found by path. */

import { make } from "./formdom.js";

/** @import { Shape, SchemaReader } from "./formschema.js" */

/**
 * @typedef {object} Place where a field stands
 * @property {string} label
 * @property {boolean} required
 * @property {boolean} [isRoot] it is the whole form
 * @property {boolean} [isBranch] a choice above it says what it is: it needs no frame, and a constant isn't shown
 * @property {string} [told] of a branch: the property whose value the choice above says, and that isn't shown
 */

/**
 * @typedef {object} Form what the fields of one form share
 * @property {SchemaReader} reader
 * @property {() => string} newId unique in the document
 * @property {(schema: unknown, place: Place) => Field} draw
 * @property {(shape: Shape, place: Place) => Field} drawShape
 */

/** @typedef {{ path: string, message: string, field: Field | null }} Fault `path`: JSON pointer */

/** A field of a form. Subclasses draw its control. */
export class Field {
  /** What is put into the page. @type {HTMLElement} */
  element;
  /** Whether it stands in the page; constants of a choice's branch don't. */
  isShown = true;
  #label = make("span", { class: "form-label" });
  #hint;
  #error;

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    this.form = form;
    this.shape = shape;
    this.place = place;
    this.id = form.newId();
    this.#hint = make("p", { id: `${this.id}-hint`, class: "form-hint" });
    this.#error = make("p", { id: `${this.id}-error`, class: "form-error", hidden: true });
    this.element = make("div", { class: "form-field" });
    this.element.addEventListener("input", () => this.clearError());
    this.label = place.label;
    this.hint();
  }

  /** Optional, or null is valid: what its value is where nothing is entered. Undefined: it stays away. */
  get absent() {
    return this.place.required && this.shape.nullable ? null : undefined;
  }

  get mayBeAbsent() {
    return !this.place.required || this.shape.nullable;
  }

  get label() {
    return this.#label.textContent ?? "";
  }

  set label(text) {
    const mark = make("span", { class: "form-optional" }, " (optional)");
    this.#label.replaceChildren(text, ...(this.mayBeAbsent && !this.place.isRoot ? [mark] : []));
  }

  /** The elements that a subclass arranges. */
  get parts() {
    return { label: this.#label, hint: this.#hint, error: this.#error };
  }

  /** Ids of hint and error, for `aria-describedby`. */
  get describedBy() {
    return `${this.#hint.id} ${this.#error.id}`;
  }

  /** For `aria-required`. */
  get ariaRequired() {
    return this.mayBeAbsent ? null : "true";
  }

  /** Show the description with a note behind it. */
  hint(note = "") {
    const { description } = this.shape.schema;
    const text = [typeof description === "string" ? description : "", note].filter((part) => part !== "").join(" ");
    this.#hint.textContent = text;
    this.#hint.hidden = text === "";
  }

  /** The controls that an error marks. @returns {HTMLElement[]} */
  get controls() {
    return [];
  }

  /** @param {string} message */
  showError(message) {
    const before = this.#error.textContent;
    this.#error.textContent = before === "" || before === message ? message : `${before} ${message}`;
    this.#error.hidden = false;
    this.element.classList.add("form-invalid");
    for (const control of this.controls) control.setAttribute("aria-invalid", "true");
  }

  clearError() {
    this.#error.textContent = "";
    this.#error.hidden = true;
    this.element.classList.remove("form-invalid");
    for (const control of this.controls) control.removeAttribute("aria-invalid");
  }

  /** Put the keyboard's focus into its first control. */
  focus() {
    this.controls[0]?.focus();
  }

  /**
   * The value as it is entered; undefined where it stays away, or where `faults` got a reason why it is none.
   * @param {Fault[]} faults
   * @param {string} path of this field
   * @returns {any}
   */
  read(faults, path) {}

  /**
   * Enter a value; undefined: it stays away.
   * @param {any} value
   */
  fill(value) {}

  /**
   * The field at a path below this one; null where none is drawn.
   * @param {string[]} steps
   * @returns {Field | null}
   */
  at(steps) {
    return steps.length === 0 && this.isShown ? this : null;
  }

  /** @param {Fault[]} faults @param {string} path @param {string} message */
  fault(faults, path, message) {
    faults.push({ path, message, field: this });
  }
}

/** What all fields of a form share: label, hint and error, and the methods that read, fill and find them. */

import { make } from "./formdom.js";

/** @import { Shape, SchemaReader } from "./formschema.js" */

/**
 * @typedef {object} Place where a field stands
 * @property {string} label
 * @property {boolean} required
 * @property {boolean} [isRoot] it is the whole form
 * @property {boolean} [isBranch] the choice or checkbox above it names it already: it needs no frame and no legend
 * @property {string} [told] of a branch: the property whose value the choice above names already
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
  /** Whether the field is drawn. A constant that a choice above it names already isn't. */
  isShown = true;
  #label;
  #words = "";
  #hint;
  #error;

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    this.form = form;
    this.shape = shape;
    this.place = place;
    this.id = form.newId();
    this.#label = make("span", { class: "form-label" });
    this.#hint = make("p", { id: `${this.id}-hint`, class: "form-hint" });
    this.#error = make("p", { id: `${this.id}-error`, class: "form-error", hidden: true });
    this.element = make("div", { class: "form-field" });
    this.element.addEventListener("input", () => this.clearError());
    this.label = place.label;
    this.hint();
  }

  /** Whether a person may enter nothing. */
  get mayBeAbsent() {
    return !this.place.required || this.shape.nullable;
  }

  /** The value where nothing is entered: null where the field is required, else undefined, which is left out. */
  get absent() {
    return this.place.required && this.shape.nullable ? null : undefined;
  }

  get label() {
    return this.#words;
  }

  set label(text) {
    this.#words = text;
    const mark = make("span", { class: "form-optional" }, " (optional)");
    this.#label.replaceChildren(text, ...(this.mayBeAbsent && !this.place.isRoot ? [mark] : []));
  }

  /** The elements that each subclass puts in their places. */
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

  /** Shows an error until the field is edited, behind those that it shows already. @param {string} message */
  showError(message) {
    const before = this.#error.textContent;
    this.#error.textContent = before === "" || before === message ? message : `${before} ${message}`;
    this.#error.hidden = false;
    for (const control of this.controls) control.setAttribute("aria-invalid", "true");
  }

  clearError() {
    this.#error.textContent = "";
    this.#error.hidden = true;
    for (const control of this.controls) control.removeAttribute("aria-invalid");
  }

  /** Moves the keyboard's focus to the field's first control. */
  focus() {
    this.controls[0]?.focus();
  }

  /**
   * Gives the value that is entered. Undefined: the field is left out, or something is wrong, which `faults` then has.
   * @param {Fault[]} faults is added to
   * @param {string} path JSON pointer to this field
   * @returns {any}
   */
  read(faults, path) {}

  /**
   * Enters a value, in place of what is entered. Undefined: the field is left out.
   * @param {any} value
   */
  fill(value) {}

  /**
   * Finds the field at a path below this one. Null: no such field is drawn.
   * @param {string[]} steps
   * @returns {Field | null}
   */
  at(steps) {
    return steps.length === 0 && this.isShown ? this : null;
  }

  /** Tells that a bubbling edit has happened which no control tells of itself: rows that came, went or moved. */
  edited() {
    this.element.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {Fault[]} faults @param {string} path @param {string} message */
  fault(faults, path, message) {
    faults.push({ path, message, field: this });
  }
}

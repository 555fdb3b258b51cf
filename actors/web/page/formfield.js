/** The base of all fields: label, hint and error, and methods that read, fill and find fields. */

import { make } from "./formdom.js";

/** @import { Shape, SchemaReader } from "./formschema.js" */

/**
 * @typedef {object} Place where a field is in the form
 * @property {string} label
 * @property {boolean} required
 * @property {boolean} [isRoot] whether it is the whole form
 * @property {boolean} [isBranch] whether the choice or checkbox above already names it: it needs no frame and no legend
 * @property {string} [told] for a branch: the property whose value the choice above already shows
 */

/**
 * @typedef {object} Form what the fields of one form share
 * @property {SchemaReader} reader
 * @property {() => string} newId returns an id unique in the document
 * @property {(schema: unknown, place: Place) => Field} draw
 * @property {(shape: Shape, place: Place) => Field} drawShape
 */

/** @typedef {{ path: string, message: string, field: Field | null }} Fault `path`: JSON pointer */

const SHORT = 24; // characters of a default that a label can take

/** A field of a form. Subclasses draw its control. */
export class Field {
  /** The element for the page. @type {HTMLElement} */
  element;
  /** Whether the field is drawn. A constant that the choice above already shows isn't. */
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

  /** Whether the person may leave the field empty. */
  get mayBeAbsent() {
    return !this.place.required || this.shape.nullable;
  }

  /** The value of an empty field: null if the field is required, otherwise undefined, which is left out. */
  get absent() {
    return this.place.required && this.shape.nullable ? null : undefined;
  }

  get label() {
    return this.#words;
  }

  set label(text) {
    this.#words = text;
    const mark = make("span", { class: "form-optional" }, ` (optional${this.#preset()})`);
    this.#label.replaceChildren(text, ...(this.mayBeAbsent && !this.place.isRoot ? [mark] : []));
  }

  /** The elements that each subclass places. */
  get parts() {
    return { label: this.#label, hint: this.#hint, error: this.#error };
  }

  /** The ids of hint and error, for `aria-describedby`. */
  get describedBy() {
    return `${this.#hint.id} ${this.#error.id}`;
  }

  /** Says which value an empty field stands for, if that is a short one. */
  #preset() {
    const preset = this.shape.schema.default;
    const isPlain = typeof preset === "number" || (typeof preset === "string" && preset !== "");
    return isPlain && String(preset).length <= SHORT ? `: ${preset} if left empty` : "";
  }

  /** For `aria-required`. */
  get ariaRequired() {
    return this.mayBeAbsent ? null : "true";
  }

  /** Shows the description, followed by a note. */
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

  /** Shows an error until the field is edited, after earlier ones. @param {string} message */
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

  /** Moves the keyboard focus to the field's first control. */
  focus() {
    this.controls[0]?.focus();
  }

  /**
   * Returns the value that was entered. Undefined: the field is left out, or `faults` has an error of it.
   * @param {Fault[]} faults new errors are added to it
   * @param {string} path JSON pointer to this field
   * @returns {any}
   */
  read(faults, path) {}

  /**
   * Fills the field with a value. Undefined: the field is left out.
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

  /** Dispatches an input event for an edit without one: rows that were added, removed or moved. */
  edited() {
    this.element.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {Fault[]} faults @param {string} path @param {string} message */
  fault(faults, path, message) {
    faults.push({ path, message, field: this });
  }
}

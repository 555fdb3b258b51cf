/** The form of a decision, drawn from its JSON Schema: fields, their values, and errors beside them. */

import { make } from "./formdom.js";
import { drawRoot } from "./formdraw.js";
import { isEqual } from "./formequal.js";
import { stepsOf } from "./formpointer.js";

/** @import { Fault, Field } from "./formfield.js" @import { Schema } from "./formmerge.js" */

/**
 * @typedef {object} DecisionFormOptions the first five as in a pending call
 * @property {Schema | boolean} [schema] JSON Schema of the decision
 * @property {boolean} [approval] whether the decision is a yes or no: then only a reason can be entered
 * @property {Record<string, any>} [input] the model's arguments
 * @property {boolean | string[]} [editable] which arguments are fields
 * @property {Schema} [parameters] JSON Schema of the arguments
 * @property {string} idPrefix of all ids in the form; unique in the document
 */

/** @typedef {{ path: string, message: string }} FormFault `path`: JSON pointer, `/arguments/…` for an edited argument */

const REASON = {
  type: "object",
  properties: { reason: { type: "string", maxLength: 10_000, description: "The agent reads it." } },
  additionalProperties: false,
};

/** The values can't be sent. The reasons are already shown beside the fields. */
export class FormError extends Error {
  /** @param {FormFault[]} errors */
  constructor(errors) {
    super(errors.map(({ message }) => message).join(" "));
    this.name = "FormError";
    this.errors = errors;
  }
}

/**
 * Draws the form of one call that waits for a decision. The form checks what it can; the server checks everything
 * again.
 * @param {DecisionFormOptions} options
 */
export function decisionForm(options) {
  return new DecisionForm(options);
}

/** The form: put `element` into the page, and ask for `value()` and `arguments()` when a button is pressed. */
export class DecisionForm {
  element = make("div", { class: "decision-form" });
  #isApproval;
  #input;
  #editable;
  #decision;
  /** @type {Field | null} */
  #arguments = null;
  /** The fields that show an error. @type {Field[]} */
  #marked = [];
  #notes = make("div", { class: "form-notes", role: "alert", hidden: true });

  /** @param {DecisionFormOptions} options */
  constructor({ schema = true, approval = false, input = {}, editable = false, parameters, idPrefix }) {
    let count = 0;
    const newId = () => `${idPrefix}-${++count}`;
    this.#isApproval = approval;
    this.#input = input;
    this.#editable = editable;
    const edited = schemaOfEditable(editable, parameters);
    if (edited !== null) {
      this.#arguments = drawRoot(edited, { label: "Arguments", required: true, isRoot: true }, newId);
      this.#arguments.fill(this.#shown());
    }
    const place = { label: titleOf(schema) ?? "Decision", required: true, isRoot: true };
    this.#decision = drawRoot(approval ? REASON : schema, place, newId);
    this.#arrange();
  }

  #arrange() {
    const legend = make("legend", {}, "Arguments that you can change");
    const edited = this.#arguments;
    const before =
      edited === null ? [] : [make("fieldset", { class: "form-group form-arguments" }, legend, edited.element)];
    this.element.append(this.#notes, ...before, this.#decision.element);
    this.element.addEventListener("input", () => this.#note([]));
  }

  /**
   * Returns the decision that was entered.
   * @param {"approve" | "decline"} [action] of an approval: which button was pressed
   * @returns {any}
   * @throws {FormError} if something is missing or wrong, also in the arguments. The errors are shown beside their
   *   fields, and the first of these gets the focus
   */
  value(action) {
    const { decision } = this.#read();
    return this.#isApproval ? { approved: action === "approve", ...decision } : decision;
  }

  /**
   * Returns all arguments, as edited. Undefined: nothing was edited.
   * @returns {Record<string, any> | undefined}
   * @throws {FormError} as `value`
   */
  arguments() {
    const edited = this.#read().edited;
    return edited === undefined || isEqual(edited, this.#input) ? undefined : edited;
  }

  /** Returns an approval's reason, if one was entered. For `decline`, so errors in other fields don't matter. */
  reason() {
    return this.#isApproval ? this.#decision.read([], "")?.reason : undefined;
  }

  /**
   * Fills the form with a decision.
   * @param {any} decision
   */
  fill(decision) {
    this.#decision.fill(decision);
  }

  /**
   * Shows the server's errors: each beside its field, or above all fields if it has none. The first field gets the
   * focus.
   * @param {FormFault[]} errors `errors` of a `decisionInvalid`
   */
  showErrors(errors) {
    const faults = errors.map(({ path, message }) => ({ path, message, field: this.#at(path) }));
    const isInJson = (/** @type {Fault} */ { path, field }) => path !== "" && field?.shape.kind === "json";
    this.#show(
      faults.map((fault) => (isInJson(fault) ? { ...fault, message: `${fault.path}: ${fault.message}` } : fault)),
    );
  }

  /** Moves the keyboard's focus to the first field. */
  focusFirst() {
    (this.#arguments ?? this.#decision).focus();
  }

  /** Reads decision and arguments, so that all errors are shown at once. */
  #read() {
    /** @type {Fault[]} */
    const faults = [];
    const edited = this.#arguments?.read(faults, "/arguments");
    const decision = this.#decision.read(faults, "");
    this.#show(faults);
    if (faults.length > 0) {
      throw new FormError(faults.map(({ path, message }) => ({ path, message })));
    }
    return { decision, edited: this.#arguments === null ? undefined : this.#whole(edited) };
  }

  /** Returns the arguments that have fields. */
  #shown() {
    return pick(this.#input, (name) => this.#isEditable(name));
  }

  /** @param {Record<string, any>} edited */
  #whole(edited) {
    return { ...pick(this.#input, (name) => !this.#isEditable(name)), ...edited };
  }

  /** @param {string} name */
  #isEditable(name) {
    return Array.isArray(this.#editable) ? this.#editable.includes(name) : this.#editable;
  }

  /** @param {string} path @returns {Field | null} */
  #at(path) {
    const [first, ...rest] = stepsOf(path);
    const found = first === "arguments" ? this.#arguments?.at(rest) : null;
    return found ?? this.#decision.at(stepsOf(path));
  }

  /** @param {Fault[]} faults replace those shown before */
  #show(faults) {
    for (const field of this.#marked) field.clearError();
    this.#marked = faults.flatMap(({ field }) => field ?? []);
    for (const { field, message } of faults) field?.showError(message);
    this.#note(faults.filter(({ field }) => field === null));
    faults.find(({ field }) => field !== null)?.field?.focus();
  }

  /** @param {FormFault[]} errors without a field */
  #note(errors) {
    const lines = errors.map(({ path, message }) => make("p", {}, path === "" ? message : `${path}: ${message}`));
    this.#notes.replaceChildren(...lines);
    this.#notes.hidden = lines.length === 0;
  }
}

/** @param {Schema | boolean} schema */
function titleOf(schema) {
  return typeof schema === "object" && typeof schema.title === "string" ? schema.title : undefined;
}

/**
 * Returns the schema of the editable arguments. Null: no argument is editable.
 * @param {boolean | string[]} editable
 * @param {Schema} [parameters]
 */
function schemaOfEditable(editable, parameters = {}) {
  if (editable === false || (Array.isArray(editable) && editable.length === 0)) return null;
  if (editable === true) return parameters;
  const { properties = {}, required = [], ...rest } = parameters;
  const known = Object.fromEntries(
    editable.map((name) => [name, Object.hasOwn(properties, name) ? properties[name] : true]),
  );
  const isRequired = (/** @type {string} */ name) => required.includes(name) || !Object.hasOwn(properties, name);
  return {
    ...rest,
    type: "object",
    properties: known,
    required: editable.filter(isRequired),
    additionalProperties: false,
  };
}

/** @param {Record<string, any>} members @param {(name: string) => boolean} isWanted */
function pick(members, isWanted) {
  return Object.fromEntries(Object.entries(members).filter(([name]) => isWanted(name)));
}

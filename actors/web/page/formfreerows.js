/** Rows with a name and a value each, for properties that a schema allows without naming them. */

import { button, make } from "./formdom.js";
import { below } from "./formpointer.js";

/** @import { Fault, Field, Form } from "./formfield.js" */

/** @typedef {{ name: HTMLInputElement, field: Field, element: HTMLElement }} Row */

export class FreeRows {
  element;
  #body = make("div", { class: "form-rows" });
  #add;
  /** @type {Row[]} */
  #rows = [];
  #form;
  #schema;
  #taken;

  /** @param {Form} form @param {unknown} schema of each value @param {string[]} taken names that already have fields */
  constructor(form, schema, taken) {
    this.#form = form;
    this.#schema = schema;
    this.#taken = taken;
    this.#add = button("Add a row", "Add a row", () => this.#append("").name.focus());
    this.element = make("div", { class: "form-free" }, this.#body, this.#add);
  }

  focus() {
    (this.#rows[0]?.name ?? this.#add).focus();
  }

  /** @param {string} name */
  #append(name) {
    const id = this.#form.newId();
    const input = make("input", { id, type: "text", class: "form-control", autocomplete: "off" });
    input.value = name;
    const field = this.#form.draw(this.#schema, { label: "Value", required: true });
    const named = make("div", { class: "form-field" }, make("label", { for: id }, "Name"), input);
    const remove = button("Remove", "Remove this row", () => this.#remove(row));
    /** @type {Row} */
    const row = { name: input, field, element: make("div", { class: "form-row" }, named, field.element, remove) };
    row.element.setAttribute("role", "group");
    this.#rows.push(row);
    this.#body.append(row.element);
    this.#number();
    return row;
  }

  /** @param {Row} row */
  #remove(row) {
    this.#rows = this.#rows.filter((each) => each !== row);
    row.element.remove();
    this.#number();
    this.element.dispatchEvent(new Event("input", { bubbles: true }));
    this.#add.focus();
  }

  #number() {
    this.#rows.forEach(({ element }, index) => (element.ariaLabel = `Row ${index + 1}`));
  }

  /**
   * @param {Fault[]} faults
   * @param {string} path of the object
   * @param {Field} owner shows errors of the names
   * @returns {[string, any][]}
   */
  read(faults, path, owner) {
    const names = this.#rows.map(({ name }) => name.value);
    const repeated = names.find((name, index) => names.indexOf(name) !== index || this.#taken.includes(name));
    if (names.includes("")) owner.fault(faults, path, "Each row needs a name.");
    if (repeated !== undefined)
      owner.fault(faults, path, `Each row needs a name of its own: ${repeated} is there already.`);
    return this.#rows.map(({ name, field }) => [name.value, field.read(faults, below(path, name.value))]);
  }

  /** @param {[string, any][]} members */
  fill(members) {
    this.#rows = [];
    this.#body.replaceChildren();
    for (const [name, value] of members) this.#append(name).field.fill(value);
  }

  /** @param {string} name */
  find(name) {
    return this.#rows.find((row) => row.name.value === name)?.field;
  }
}

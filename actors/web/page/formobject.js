/** An object: a field for each property, and rows of name and value if the schema allows others. */

import { make } from "./formdom.js";
import { Field } from "./formfield.js";
import { readable } from "./formlabels.js";
import { below } from "./formpointer.js";
import { FreeRows } from "./formfreerows.js";

/** @import { Fault, Form, Place } from "./formfield.js" @import { Shape } from "./formschema.js" */

export class ObjectField extends Field {
  /** @type {Map<string, Field>} */
  #fields = new Map();
  #rows;

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    super(form, shape, place);
    const { properties = {}, required = [], additionalProperties = true } = shape.schema;
    const names = [...new Set([...Object.keys(properties), ...required])].filter(
      (name) => !Object.hasOwn(properties, name) || properties[name] !== false,
    );
    for (const name of names) {
      const schema = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
      const label = labelOf(name, schema);
      const isBranch = name === place.told;
      this.#fields.set(name, form.draw(schema, { label, required: required.includes(name), isBranch }));
    }
    this.#rows = new FreeRows(form, additionalProperties, names);
    this.#rows.element.hidden = names.length > 0 || additionalProperties === false;
    this.#arrange();
  }

  #arrange() {
    const { label, hint, error } = this.parts;
    const fields = [...this.#fields.values()].filter(({ isShown }) => isShown).map(({ element }) => element);
    const body = [hint, ...fields, this.#rows.element, error];
    if (this.place.isRoot || this.place.isBranch) return this.element.append(...body);
    const group = { class: "form-group", "aria-describedby": this.describedBy };
    this.element.append(make("fieldset", group, make("legend", {}, label), ...body));
  }

  focus() {
    const first = [...this.#fields.values()].find(({ isShown }) => isShown);
    if (first === undefined) this.#rows.focus();
    else first.focus();
  }

  /** @param {Fault[]} faults @param {string} path */
  read(faults, path) {
    /** @type {[string, any][]} */
    const members = [];
    for (const [name, field] of this.#fields) {
      const value = field.read(faults, below(path, name));
      if (value !== undefined) members.push([name, value]);
    }
    return Object.fromEntries([...members, ...this.#rows.read(faults, path, this)]);
  }

  /** @param {any} value */
  fill(value) {
    const members = typeof value === "object" && value !== null ? value : {};
    for (const [name, field] of this.#fields) field.fill(Object.hasOwn(members, name) ? members[name] : undefined);
    const free = Object.entries(members).filter(([name]) => !this.#fields.has(name));
    this.#rows.fill(free);
    if (free.length > 0) this.#rows.element.hidden = false;
  }

  /** @param {string[]} steps @returns {Field | null} */
  at(steps) {
    const [name, ...rest] = steps;
    if (name === undefined) return this.place.isRoot ? null : super.at(steps);
    return (this.#fields.get(name) ?? this.#rows.find(name))?.at(rest) ?? null;
  }
}

/**
 * Returns a property's label. Uses a title only if it is the property's own, not that of a schema which several
 * properties share.
 * @param {string} name
 * @param {any} schema
 */
function labelOf(name, schema) {
  const { title } = schema;
  return typeof title === "string" && title !== "" ? title : readable(name);
}

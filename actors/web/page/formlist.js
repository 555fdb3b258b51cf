/** A list: rows that a person adds, moves and removes. The first rows may each have a schema of their own. */

import { button, make } from "./formdom.js";
import { isEqual } from "./formequal.js";
import { Field } from "./formfield.js";
import { itemsOf } from "./formfits.js";
import { below } from "./formpointer.js";

/** @import { Fault, Form, Place } from "./formfield.js" @import { Shape } from "./formschema.js" */

const MAX_DRAWN = 20; // rows drawn for an empty list that needs more; a person adds the others

/** @typedef {{ field: Field, element: HTMLElement, buttons: HTMLButtonElement[] }} Row */

export class ListField extends Field {
  /** @type {Row[]} */
  #rows = [];
  #body = make("ol", { class: "form-rows" });
  #add;
  #prefix;
  #rest;
  #minItems;
  #maxItems;

  /** @param {Form} form @param {Shape} shape @param {Place} place */
  constructor(form, shape, place) {
    super(form, shape, place);
    const { prefix, rest } = itemsOf(shape.schema);
    const { minItems = 0, maxItems = Infinity } = shape.schema;
    this.#prefix = prefix;
    this.#rest = rest;
    this.#minItems = minItems;
    this.#maxItems = rest === false ? Math.min(maxItems, prefix.length) : maxItems;
    this.#add = button("Add", `Add to ${place.label}`, () => this.#append());
    const { label, hint, error } = this.parts;
    this.hint(countNote(minItems, this.#maxItems, prefix.length));
    const body = [hint, this.#body, this.#add, error];
    const group = { class: "form-group", "aria-describedby": this.describedBy };
    if (place.isBranch) this.element.append(...body);
    else this.element.append(make("fieldset", group, make("legend", {}, label), ...body));
    this.fill(undefined);
  }

  focus() {
    const [first] = this.#rows;
    if (first === undefined) this.#add.focus();
    else first.field.focus();
  }

  #append() {
    const { field } = this.#draw();
    this.#number();
    this.edited();
    field.focus();
  }

  #draw() {
    const index = this.#rows.length;
    const isPrefix = index < this.#prefix.length;
    const schema = isPrefix ? this.#prefix[index] : this.#rest;
    const field = this.form.draw(schema, { label: "", required: !isPrefix || index < this.#minItems });
    const tools = isPrefix ? [] : this.#tools(() => this.#rows.indexOf(row));
    const bar = make("div", { class: "form-row-tools" }, ...tools);
    /** @type {Row} */
    const row = { field, element: make("li", { class: "form-row" }, field.element, bar), buttons: tools };
    this.#rows.push(row);
    return row;
  }

  /** Makes the buttons of a row. @param {() => number} index */
  #tools(index) {
    return [
      button("Up", "Move up", () => this.#move(index(), -1)),
      button("Down", "Move down", () => this.#move(index(), 1)),
      button("Remove", "Remove", () => this.#remove(index())),
    ];
  }

  /** @param {number} index @param {number} by */
  #move(index, by) {
    const [row] = this.#rows.splice(index, 1);
    this.#rows.splice(index + by, 0, row);
    this.#number();
    this.edited();
    const [up, down] = row.buttons;
    const [wanted, other] = by < 0 ? [up, down] : [down, up];
    (wanted.disabled ? other : wanted).focus();
  }

  /** @param {number} index */
  #remove(index) {
    this.#rows.splice(index, 1);
    this.#number();
    this.edited();
    const remove = this.#rows[Math.min(index, this.#rows.length - 1)]?.buttons[2];
    (remove === undefined || remove.disabled ? this.#add : remove).focus();
  }

  /** Puts the rows into the page in order, with their numbers, and enables the buttons that can be used. */
  #number() {
    this.#body.replaceChildren(...this.#rows.map(({ element }) => element));
    this.#rows.forEach(({ field, buttons }, index) => {
      const { title } = field.shape.schema;
      field.label =
        typeof title === "string" && index < this.#prefix.length ? title : `${title ?? "Item"} ${index + 1}`;
      const [up, down, remove] = buttons;
      if (remove === undefined) return;
      up.disabled = index <= this.#prefix.length;
      down.disabled = index === this.#rows.length - 1;
      remove.disabled = this.#rows.length <= this.#minItems;
      up.ariaLabel = `Move ${field.label} up`;
      down.ariaLabel = `Move ${field.label} down`;
      remove.ariaLabel = `Remove ${field.label}`;
    });
    this.#add.hidden = this.#rows.length >= this.#maxItems;
  }

  /** @param {Fault[]} faults @param {string} path */
  read(faults, path) {
    const before = faults.length;
    const values = this.#rows.map(({ field }, index) => field.read(faults, below(path, index)));
    if (faults.length > before) return;
    while (values.length > 0 && values.at(-1) === undefined) values.pop();
    const wrong = this.#wrong(values);
    if (wrong === null) return values;
    this.fault(faults, path, wrong);
  }

  /** Returns what is wrong with the list as a whole; null: nothing. @param {unknown[]} values */
  #wrong(values) {
    if (values.length < this.#minItems) return `Expected at least ${items(this.#minItems)}.`;
    if (values.length > this.#maxItems) return `Expected at most ${items(this.#maxItems)}.`;
    if (values.includes(undefined)) return "Expected no gap between items.";
    const isRepeated = values.some((value, index) => values.slice(0, index).some((each) => isEqual(each, value)));
    return this.shape.schema.uniqueItems === true && isRepeated ? "Expected each item only once." : null;
  }

  /** @param {any} value */
  fill(value) {
    this.#rows = [];
    const items = Array.isArray(value) ? value : [];
    const least = Math.max(items.length, this.#prefix.length, Math.min(this.#minItems, MAX_DRAWN));
    for (let index = 0; index < least; index += 1) {
      const { field } = this.#draw();
      if (index < items.length) field.fill(items[index]);
    }
    this.#number();
  }

  /** @param {string[]} steps @returns {Field | null} */
  at(steps) {
    const [index, ...rest] = steps;
    if (index === undefined) return super.at(steps);
    return this.#rows[Number(index)]?.field.at(rest) ?? null;
  }
}

/** @param {number} minItems @param {number} maxItems @param {number} prefix */
function countNote(minItems, maxItems, prefix) {
  if (prefix > 0 || (minItems === 0 && maxItems === Infinity)) return "";
  if (minItems === maxItems) return `${items(minItems)}.`;
  if (maxItems === Infinity) return `At least ${items(minItems)}.`;
  return minItems === 0 ? `At most ${items(maxItems)}.` : `${minItems} to ${items(maxItems)}.`;
}

/** @param {number} count */
function items(count) {
  return count === 1 ? "1 item" : `${count} items`;
}

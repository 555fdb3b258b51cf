/** Words for what a schema only names: properties, values, types. Pure. */

/** @type {Record<string, string>} */
const TYPES = {
  string: "Text",
  number: "Number",
  integer: "Whole number",
  boolean: "Yes or no",
  object: "Several fields",
  array: "List",
  null: "Nothing",
};

/**
 * A property's name as a label: `order_id` and `orderId` become "Order id".
 * @param {string} name
 */
export function readable(name) {
  const words = name
    .replace(/([\p{Ll}\d])(\p{Lu}+)/gu, (_, before, caps) => `${before} ${caps.length > 1 ? caps : caps.toLowerCase()}`)
    .replace(/[_\-.\s]+/g, " ")
    .trim();
  return words === "" ? name : words[0].toUpperCase() + words.slice(1);
}

/**
 * A value of an enum as a label.
 * @param {unknown} value
 */
export function labelOfValue(value) {
  if (value === true) return "Yes";
  if (value === false) return "No";
  if (value === null) return "None";
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}

/**
 * A type's name for people.
 * @param {unknown} type
 */
export function labelOfType(type) {
  return typeof type === "string" && Object.hasOwn(TYPES, type) ? TYPES[type] : "Other";
}

/**
 * The same labels, numbered where two are equal.
 * @param {string[]} labels
 */
export function distinct(labels) {
  return labels.map((label, index) => {
    const isRepeated = labels.indexOf(label) !== labels.lastIndexOf(label);
    return isRepeated ? `${label} (${labels.slice(0, index).filter((one) => one === label).length + 1})` : label;
  });
}

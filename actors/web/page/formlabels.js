/** Labels for the names in a schema: properties, values, types. Pure. */

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
 * Returns a property's name as a label: `order_id` and `orderId` become "Order id".
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
 * Returns a value of an enum as a label.
 * @param {unknown} value
 */
export function labelOfValue(value) {
  if (value === true) return "Yes";
  if (value === false) return "No";
  if (value === null) return "None";
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}

/**
 * Returns a type's name for people.
 * @param {unknown} type
 */
export function labelOfType(type) {
  return typeof type === "string" && Object.hasOwn(TYPES, type) ? TYPES[type] : "Other";
}

/**
 * Returns the labels, with numbers added to equal ones.
 * @param {string[]} labels
 */
export function distinct(labels) {
  return labels.map((label, index) => {
    const isRepeated = labels.indexOf(label) !== labels.lastIndexOf(label);
    return isRepeated ? `${label} (${labels.slice(0, index).filter((one) => one === label).length + 1})` : label;
  });
}

/** Merges two JSON Schemas that both apply, as far as a form needs it. The server checks both. Pure. */

import { isEqual } from "./formequal.js";

/** @typedef {Record<string, any>} Schema */

const HIGHER = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const LOWER = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];

/**
 * Returns both schemas in one. If both have a keyword that can't be joined, such as `title` or `pattern`, keeps the
 * first.
 * @param {Schema} first
 * @param {Schema} second
 * @returns {Schema}
 */
export function merge(first, second) {
  /** @type {Schema} */
  const merged = { ...second, ...first };
  for (const key of Object.keys(first)) {
    if (!(key in second)) continue;
    const [one, other] = [first[key], second[key]];
    if (HIGHER.includes(key)) merged[key] = Math.max(one, other);
    if (LOWER.includes(key)) merged[key] = Math.min(one, other);
    const join = JOINS[key];
    if (join !== undefined) merged[key] = join(one, other);
  }
  return merged;
}

/** @type {Record<string, (one: any, other: any) => any>} */
const JOINS = {
  properties: joinProperties,
  required: (one, other) => [...new Set([...one, ...other])],
  enum: (one, other) =>
    one.filter((/** @type {unknown} */ value) => other.some((/** @type {unknown} */ each) => isEqual(value, each))),
  type: joinTypes,
  items: (one, other) => ({ allOf: [one, other] }),
  additionalProperties: (one, other) => (one === false || other === false ? false : { allOf: [one, other] }),
  $defs: (one, other) => ({ ...other, ...one }),
  anyOf: bothUnions,
  oneOf: bothUnions,
};

/** @param {Schema} one @param {Schema} other */
function joinProperties(one, other) {
  const joined = { ...one };
  for (const [name, schema] of Object.entries(other)) {
    joined[name] = Object.hasOwn(one, name) ? { allOf: [one[name], schema] } : schema;
  }
  return joined;
}

/** @param {string | string[]} one @param {string | string[]} other */
function joinTypes(one, other) {
  const [ones, others] = [[one].flat(), [other].flat()];
  const both = ones.filter((type) => others.includes(type) || (type === "integer" && others.includes("number")));
  if (ones.includes("number") && others.includes("integer")) both.push("integer");
  return both.length === 1 ? both[0] : both;
}

/** @returns {never} */
function bothUnions() {
  throw new Error("several choices apply at once");
}

/** Checks whether a value fits a schema, to find its branch of a choice. Checks only what this needs. Pure. */

import { codecOf } from "./formcodecs.js";
import { isEqual } from "./formequal.js";

/**
 * @import { Shape, SchemaReader } from "./formschema.js"
 * @typedef {Record<string, unknown>} Members
 */

/**
 * @param {unknown} value
 * @param {unknown} schema
 * @param {SchemaReader} reader
 * @returns {boolean}
 */
export function fits(value, schema, reader) {
  const shape = reader.read(schema);
  if (value === null && shape.nullable) return true;
  return (CHECKS[shape.kind] ?? (() => true))(value, shape, reader);
}

/** @type {Partial<Record<Shape["kind"], (value: any, shape: Shape, reader: SchemaReader) => boolean>>} */
const CHECKS = {
  constant: (value, shape) => isEqual(value, shape.value),
  choice: (value, { options = [] }) => options.some((option) => isEqual(option.value, value)),
  variants: (value, { variants = [] }, reader) => variants.some(({ schema }) => fits(value, schema, reader)),
  text: passes,
  number: passes,
  object: isObject,
  list: isList,
  checklist: isList,
};

/** @param {unknown} value @param {Shape} shape */
function passes(value, shape) {
  try {
    codecOf(shape).check(value);
    return true;
  } catch {
    return false;
  }
}

/** @param {unknown} value @param {Shape} shape @param {SchemaReader} reader */
function isObject(value, { schema: { properties = {}, required = [], additionalProperties = true } }, reader) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  if (!required.every((/** @type {string} */ name) => Object.hasOwn(value, name))) return false;
  return Object.entries(value).every(([name, member]) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    return schema !== false && fits(member, schema, reader);
  });
}

/** @param {unknown} value @param {Shape} shape @param {SchemaReader} reader */
function isList(value, { schema }, reader) {
  if (!Array.isArray(value)) return false;
  const { minItems = 0, maxItems = Infinity } = schema;
  const { prefix, rest } = itemsOf(schema);
  if (value.length < minItems || value.length > maxItems) return false;
  return value.every((item, index) => {
    const each = index < prefix.length ? prefix[index] : rest;
    return each !== false && fits(item, each, reader);
  });
}

/**
 * Returns the schemas of a list's first items, and the schema of all others. False: no others are allowed.
 * @param {Record<string, any>} schema
 * @returns {{ prefix: unknown[], rest: unknown }}
 */
export function itemsOf({ items, prefixItems, additionalItems }) {
  if (Array.isArray(items)) return { prefix: items, rest: additionalItems ?? false }; // before draft 2020-12
  if (Array.isArray(prefixItems)) return { prefix: prefixItems, rest: items ?? false };
  return { prefix: [], rest: items ?? true };
}

/** Reads a JSON Schema as shapes that a form can draw, one level at a time, so recursion is no problem. Pure. */

import { isEqual } from "./formequal.js";
import { distinct, labelOfType, labelOfValue, readable } from "./formlabels.js";
import { merge } from "./formmerge.js";

/** @import { Schema } from "./formmerge.js" */

/**
 * @typedef {object} Option one value of a choice, with its label
 * @property {string} label
 * @property {any} value
 */

/**
 * @typedef {{ label: string, schema: Schema }} Variant one branch of `oneOf` or `anyOf`, merged with its sibling
 *   keywords
 */

/**
 * @typedef {object} Shape
 * @property {"constant" | "choice" | "checklist" | "text" | "number" | "object" | "list" | "variants" | "json"} kind
 * @property {Schema} schema with its references and `allOf` resolved, but not those of its children
 * @property {boolean} nullable whether null is valid too
 * @property {Option[]} [options] of a choice or a checklist
 * @property {Variant[]} [variants]
 * @property {string} [discriminator] of variants: the property whose constant tells them apart
 * @property {any} [value] of a constant
 * @property {string} [why] of json: why no fields can be drawn
 */

const MAX_HOPS = 32; // references followed one after the other
const UNDRAWN = ["if", "patternProperties", "dependentSchemas", "unevaluatedProperties", "$dynamicRef"];
/** Keywords that imply a type in a schema without `type`. @type {[string, string[]][]} */
const HINTS = [
  ["object", ["properties", "required", "additionalProperties", "minProperties", "maxProperties"]],
  ["array", ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]],
  ["string", ["pattern", "minLength", "maxLength", "format"]],
  ["number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]],
];

/** Reads the schemas of one document. References are resolved in `root`. */
export class SchemaReader {
  #root;

  /** @param {Schema | boolean} root */
  constructor(root) {
    this.#root = root;
  }

  /**
   * Returns a schema's shape; `json`, with the reason, if no fields can be drawn.
   * @param {unknown} given
   * @returns {Shape}
   */
  read(given) {
    try {
      const { schema, nullable } = withoutNull(this.resolve(given));
      return { nullable, schema, ...this.#kind(schema) };
    } catch (error) {
      const schema = isSchema(given) ? given : {};
      return { kind: "json", schema, nullable: false, why: error instanceof Error ? error.message : String(error) };
    }
  }

  /**
   * Returns a schema with its reference followed and its `allOf` merged. Throws an Error that says why it can't.
   * @param {unknown} given
   * @param {number} [hops]
   * @returns {Schema}
   */
  resolve(given, hops = 0) {
    if (given === true || given === undefined) return {};
    if (!isSchema(given)) throw new Error("no value is allowed here");
    if (hops > MAX_HOPS) throw new Error("its references lead nowhere");
    const { $ref, allOf = [], ...own } = given;
    const parts = $ref === undefined ? allOf : [this.#target($ref), ...allOf];
    return parts.reduce(
      (/** @type {Schema} */ merged, /** @type {unknown} */ part) => merge(merged, this.resolve(part, hops + 1)),
      own,
    );
  }

  /** @param {unknown} reference */
  #target(reference) {
    if (typeof reference !== "string" || !/^#(\/|$)/.test(reference)) throw new Error("it refers to another document");
    let found = /** @type {any} */ (this.#root);
    for (const step of reference.split("/").slice(1)) {
      const key = decodeURIComponent(step).replace(/~1/g, "/").replace(/~0/g, "~");
      found = found !== null && typeof found === "object" && Object.hasOwn(found, key) ? found[key] : undefined;
    }
    if (found === undefined) throw new Error(`its reference ${reference} leads nowhere`);
    return found;
  }

  /** @param {Schema} schema @returns {Omit<Shape, "schema" | "nullable"> & { schema?: Schema }} */
  #kind(schema) {
    const undrawn = UNDRAWN.find((keyword) => keyword in schema && schema[keyword] !== false);
    if (undrawn !== undefined) throw new Error(`its rules (${undrawn}) can't be drawn as fields`);
    const values = valuesOf(schema);
    if (values !== null) return choice(values.map((value) => ({ value, label: labelOfValue(value) })));
    if (schema.oneOf !== undefined || schema.anyOf !== undefined) return this.#union(schema);
    switch (typeOf(schema)) {
      case "object":
        return { kind: "object" };
      case "array":
        return this.#list(schema);
      case "string":
        return { kind: "text" };
      case "number":
      case "integer":
        return { kind: "number", schema: { ...schema, type: typeOf(schema) } };
      case "boolean":
        return choice([true, false].map((value) => ({ value, label: labelOfValue(value) })));
      case "null":
        return choice([{ value: null, label: labelOfValue(null) }]);
      case undefined:
        return { kind: "json", why: "any value is allowed" };
      default:
        return { kind: "variants", variants: typeVariants(schema) };
    }
  }

  /** Returns `checklist` for a list of distinct values out of a few, otherwise `list`. @param {Schema} schema */
  #list(schema) {
    if (schema.uniqueItems !== true || !isSchema(schema.items)) return { kind: /** @type {const} */ ("list") };
    const item = this.read(schema.items);
    const { kind, options } = item;
    const isChecklist = kind === "choice" && !item.nullable && schema.prefixItems === undefined;
    return isChecklist
      ? { kind: /** @type {const} */ ("checklist"), options }
      : { kind: /** @type {const} */ ("list") };
  }

  /** @param {Schema} schema @returns {Omit<Shape, "schema" | "nullable"> & { schema?: Schema }} */
  #union({ oneOf, anyOf, ...rest }) {
    if (oneOf !== undefined && anyOf !== undefined) throw new Error("several choices apply at once");
    const branches = /** @type {Schema[]} */ ([...(oneOf ?? anyOf)].map((branch) => this.resolve(branch)));
    const options = optionsOf(branches);
    if (options !== null) return { ...choice(options), schema: rest };
    const variants = branches.map((branch) => ({
      schema: merge(branch, rest),
      label: this.#labelOf(branch, branches),
    }));
    if (variants.length === 1) {
      const schema = this.resolve(merge(rest, branches[0]));
      return { schema, ...this.#kind(schema) };
    }
    const labels = distinct(variants.map(({ label }) => label));
    const named = variants.map(({ schema }, index) => ({ schema, label: labels[index] }));
    return { kind: "variants", variants: named, discriminator: this.#discriminator(branches) };
  }

  /** @param {Schema} branch @param {Schema[]} branches */
  #labelOf(branch, branches) {
    if (typeof branch.title === "string") return branch.title;
    const name = this.#discriminator(branches);
    if (name !== undefined) return readable(labelOfValue(this.#constant(branch, name)));
    const isBare = branch.type === undefined && branch.properties === undefined && Array.isArray(branch.required);
    if (isBare) return `With ${branch.required.map(readable).join(" and ").toLowerCase()}`;
    return labelOfType(typeOf(branch));
  }

  /**
   * Returns the property that tells the branches apart, if any: each branch has a different constant there.
   * @param {Schema[]} branches
   */
  #discriminator(branches) {
    const [first] = branches;
    const names = Object.keys(first?.properties ?? {});
    return names.find((name) => {
      const values = branches.map((branch) => this.#constant(branch, name));
      return (
        !values.includes(undefined) && new Set(values.map((value) => JSON.stringify(value))).size === values.length
      );
    });
  }

  /**
   * Returns the only value that a property may have. Undefined: there are several.
   * @param {Schema} branch
   * @param {string} name
   */
  #constant(branch, name) {
    const property = branch.properties?.[name];
    const values = property === undefined ? null : valuesOf(this.resolve(property));
    return values?.length === 1 ? values[0] : undefined;
  }
}

/** @param {unknown} value @returns {value is Schema} */
function isSchema(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {Option[]} options */
function choice(options) {
  if (options.length === 0) throw new Error("no value is allowed here");
  if (options.length === 1) return { kind: /** @type {const} */ ("constant"), value: options[0].value, options };
  return { kind: /** @type {const} */ ("choice"), options };
}

/** Returns the values that a schema lists. Null: it lists none. @param {Schema} schema @returns {any[] | null} */
function valuesOf(schema) {
  if ("const" in schema) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : null;
}

/**
 * Returns the options of a union whose branches only list values. Null: a branch allows more.
 * @param {Schema[]} branches
 * @returns {Option[] | null}
 */
function optionsOf(branches) {
  const found = branches.map((branch) => {
    const values = valuesOf(branch);
    const label = (/** @type {unknown} */ value) => (values?.length === 1 && branch.title) || labelOfValue(value);
    return values?.map((value) => ({ value, label: label(value) }));
  });
  const options = found.flat();
  return options.every((option) => option !== undefined) ? options : null;
}

/** @param {Schema} schema @returns {string | string[] | undefined} */
export function typeOf(schema) {
  const { type } = schema;
  if (typeof type === "string") return type;
  if (Array.isArray(type)) return type.length === 1 ? type[0] : type;
  return HINTS.find(([, keywords]) => keywords.some((keyword) => keyword in schema))?.[0];
}

/** @param {Schema} schema */
function typeVariants(schema) {
  return /** @type {string[]} */ (schema.type).map((type) => ({
    label: labelOfType(type),
    schema: { ...schema, type },
  }));
}

/**
 * Returns whether null is valid, and a schema of the other values. If only null is valid, it stays.
 * @param {Schema} schema
 */
function withoutNull(schema) {
  const { type, enum: values } = schema;
  if (Array.isArray(values) && values.length > 1 && values.includes(null)) {
    return { schema: { ...schema, enum: values.filter((value) => value !== null) }, nullable: true };
  }
  if (Array.isArray(type) && type.length > 1 && type.includes("null")) {
    const rest = type.filter((each) => each !== "null");
    return { schema: { ...schema, type: rest.length === 1 ? rest[0] : rest }, nullable: !Array.isArray(values) };
  }
  for (const union of ["oneOf", "anyOf"]) {
    const branches = schema[union];
    if (!Array.isArray(branches) || !branches.some(isNull)) continue;
    const rest = branches.filter((branch) => !isNull(branch));
    if (rest.length > 0) return { schema: { ...schema, [union]: rest }, nullable: true };
  }
  return { schema, nullable: false };
}

/** @param {Schema} branch */
function isNull(branch) {
  return (
    branch?.type === "null" ||
    isEqual(branch?.enum, [null]) ||
    (isSchema(branch) && branch.const === null && "const" in branch)
  );
}

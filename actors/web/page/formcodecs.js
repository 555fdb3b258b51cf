/** Codecs between a value and the text of its control. Pure, except for the browser's time zone. */

import { hasPortableIntegers, isPortable } from "../js/portable.js";
import { momentCodec, timeCodec } from "./formmoments.js";

/** @import { Schema } from "./formmerge.js" @import { Shape } from "./formschema.js" */

/**
 * @typedef {object} Codec
 * @property {string} type of the `input` element
 * @property {boolean} [isLong] whether the text needs several lines
 * @property {boolean} [isCode] whether the text needs a fixed-width font
 * @property {string} [inputMode] which keyboard a phone shows
 * @property {() => string} note returns what the field expects; "" if its label is enough
 * @property {(value: any) => string} show returns the text of a value
 * @property {(text: string) => any} parse returns the value of a text; throws an Error that says what was expected
 * @property {(value: any) => void} check throws such an Error if the schema doesn't allow the value
 */

const LONG = 120; // characters; a longer text needs several lines
const NOTABLE = 1000; // characters; a higher limit needs no note
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const MAX_INT = 2 ** 53;

/** @param {Shape} shape of kind text, number or json @returns {Codec} */
export function codecOf(shape) {
  if (shape.kind === "json") return jsonCodec(shape);
  if (shape.kind === "number") return numberCodec(shape.schema);
  switch (shape.schema.format) {
    case "date-time":
      return momentCodec();
    case "time":
      return timeCodec();
    default:
      return textCodec(shape.schema);
  }
}

// Text.

/** By format: the input's type, the text's pattern, an example. @type {Record<string, [string, RegExp, string]>} */
const FORMATS = {
  date: ["date", /^\d{4}-\d\d-\d\d$/, "a date, such as 2026-11-28"],
  email: ["email", /^[^\s@]+@[^\s@]+$/, "an e-mail address, such as ada@example.com"],
  uri: ["url", /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/, "a web address, such as https://example.com"],
};

/** @param {Schema} schema @returns {Codec} */
function textCodec(schema) {
  const { minLength = 0, maxLength, pattern, format } = schema;
  const [type, form, example] = (Object.hasOwn(FORMATS, format ?? "") && FORMATS[format]) || ["text", /(?:)/, "text"];
  return {
    type,
    isLong: type === "text" && maxLength > LONG,
    note: () => lengthNote(minLength, maxLength <= NOTABLE ? maxLength : undefined),
    show: (value) => (typeof value === "string" ? value : JSON.stringify(value)),
    parse: (text) => text,
    check(value) {
      if (typeof value !== "string") throw new Error("Expected text.");
      if (!value.isWellFormed()) throw new Error("It has half a character in it, which can't be sent. Type it again.");
      const { length } = [...value];
      if (length < minLength) throw new Error(`Expected at least ${characters(minLength)}, not ${length}.`);
      if (length > maxLength) throw new Error(`Expected at most ${characters(maxLength)}, not ${length}.`);
      if (!form.test(value)) throw new Error(`Expected ${example}.`);
      if (pattern !== undefined && !matches(pattern, value)) throw new Error(`Expected text of the form ${pattern}`);
    },
  };
}

/**
 * Whether a text matches. If this browser can't compile the pattern, the server checks it.
 * @param {string} pattern
 * @param {string} text
 */
function matches(pattern, text) {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

/** @param {number} minLength @param {number | undefined} maxLength */
function lengthNote(minLength, maxLength) {
  if (minLength > 1 && maxLength !== undefined) return `${minLength} to ${characters(maxLength)}.`;
  if (minLength > 1) return `At least ${characters(minLength)}.`;
  return maxLength === undefined ? "" : `At most ${characters(maxLength)}.`;
}

/** @param {number} count */
function characters(count) {
  return count === 1 ? "1 character" : `${count} characters`;
}

// Numbers have text inputs: an input of type "number" returns "" for any text that it can't read.

/** @param {Schema} schema @returns {Codec} */
function numberCodec(schema) {
  const isWhole = schema.type === "integer";
  return {
    type: "text",
    inputMode: schema.minimum >= 0 || schema.exclusiveMinimum >= 0 ? (isWhole ? "numeric" : "decimal") : "text",
    note: () => boundsNote(schema),
    show: (value) => (typeof value === "number" ? JSON.stringify(value) : String(value)),
    parse: (text) => parseNumber(text.trim()),
    check(value) {
      if (typeof value !== "number") throw new Error("Expected a number.");
      if (isWhole && !Number.isInteger(value)) throw new Error("Expected a whole number.");
      checkBounds(value, schema);
    },
  };
}

/** Returns a text's number. Refuses an integer that would be rounded. @param {string} text */
function parseNumber(text) {
  if (/^-?0\d/.test(text)) throw new Error("Expected a number without leading zeros.");
  if (/^-?\d+,\d+$/.test(text)) throw new Error(`Expected a point, not a comma: ${text.replace(",", ".")}`);
  if (!NUMBER.test(text)) throw new Error("Expected a number, such as 12 or 79.5.");
  const value = Number(text);
  const isVanished = value === 0 && /[1-9]/.test(text.split(/[eE]/)[0]);
  if (!Number.isFinite(value) || isVanished)
    throw new Error("This number is too large, or too close to 0, to be sent.");
  if (![text, JSON.stringify(value)].every(hasPortableIntegers)) {
    throw new Error(`Expected whole numbers within ±${MAX_INT}: larger ones would be rounded.`);
  }
  return value;
}

/** @param {number} value @param {Schema} schema */
function checkBounds(value, { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }) {
  if (value < minimum) throw new Error(`Expected at least ${minimum}.`);
  if (value > maximum) throw new Error(`Expected at most ${maximum}.`);
  if (value <= exclusiveMinimum) throw new Error(`Expected more than ${exclusiveMinimum}.`);
  if (value >= exclusiveMaximum) throw new Error(`Expected less than ${exclusiveMaximum}.`);
  if (multipleOf !== undefined && !isMultiple(value / multipleOf))
    throw new Error(`Expected a multiple of ${multipleOf}.`);
}

/** Whether a quotient is whole, up to rounding: 0.3 is a multiple of 0.1. @param {number} quotient */
function isMultiple(quotient) {
  return Math.abs(quotient - Math.round(quotient)) <= 1e-9 * Math.max(1, Math.abs(quotient));
}

/** @param {Schema} schema */
function boundsNote({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }) {
  const isRange = minimum !== undefined && maximum !== undefined;
  const notes = [
    exclusiveMinimum === undefined ? "" : `more than ${exclusiveMinimum}`,
    isRange ? `from ${minimum} to ${maximum}` : "",
    minimum === undefined || isRange ? "" : `at least ${minimum}`,
    maximum === undefined || isRange ? "" : `at most ${maximum}`,
    exclusiveMaximum === undefined ? "" : `less than ${exclusiveMaximum}`,
    multipleOf === undefined || multipleOf === 1 ? "" : `a multiple of ${multipleOf}`,
  ].filter((note) => note !== "");
  const text = notes.join(", ");
  return text === "" ? "" : `${text[0].toUpperCase()}${text.slice(1)}.`;
}

// JSON, for schemas without drawable fields.

/** @param {Shape} shape @returns {Codec} */
function jsonCodec({ why }) {
  return {
    type: "text",
    isLong: true,
    isCode: true,
    note: () => `Write it as JSON: ${why}.`,
    show: (value) => JSON.stringify(value, null, 2),
    parse: parseJson,
    check(value) {
      if (!isPortable(value))
        throw new Error("It has values that can't be sent: half a character, or over 100 levels.");
    },
  };
}

/** @param {string} text */
function parseJson(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`This is not JSON: ${why}. Text stands in double quotes, names too; no comma after the last item.`);
  }
  if (!hasPortableIntegers(text))
    throw new Error(`Expected whole numbers within ±${MAX_INT}: larger ones would be rounded.`);
  return value;
}

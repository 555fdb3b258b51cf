/** Checks the value domain of the wire: finite numbers, integers within ±2^53, valid Unicode, depth ≤ 100. Pure. */

const MAX_DEPTH = 100;
const MAX_INT = 2n ** 53n;
const STRING = /"(?:[^"\\]|\\.)*"/g;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Returns whether a parsed JSON value can be sent. Integers need their text: see `hasPortableIntegers`.
 * @param {unknown} value
 * @param {number} [depth] the value's own depth, from 1
 * @returns {boolean}
 */
export function isPortable(value, depth = 1) {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  if (depth > MAX_DEPTH) return false;
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isPortable(item, depth + 1));
}

/**
 * Returns whether all integers in a JSON text are within ±2^53. Needs the text, because `JSON.parse` rounds larger
 * integers.
 * @param {string} text
 */
export function hasPortableIntegers(text) {
  const numbers = text.replace(STRING, "").match(NUMBER) ?? [];
  return numbers.every((number) => /[.eE]/.test(number) || abs(BigInt(number)) <= MAX_INT);
}

/** @param {bigint} value */
function abs(value) {
  return value < 0n ? -value : value;
}

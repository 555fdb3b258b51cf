/** Checks the value domain of the wire: finite numbers, integers within ±2^53, valid Unicode, depth ≤ 100. Pure. */
/**
 * Returns whether a parsed JSON value can be sent. Integers need their text: see `hasPortableIntegers`.
 * @param {unknown} value
 * @param {number} [depth] the value's own depth, from 1
 * @returns {boolean}
 */
export declare function isPortable(value: unknown, depth?: number): boolean;
/**
 * Returns whether all integers in a JSON text are within ±2^53. Needs the text, because `JSON.parse` rounds larger
 * integers.
 * @param {string} text
 */
export declare function hasPortableIntegers(text: string): boolean;

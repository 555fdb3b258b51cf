/** Which values every wire format carries: finite numbers, integers within ±2^53, valid Unicode, depth ≤ 100. Pure. */
/**
 * Whether a parsed JSON value can be sent. Integers need their text: see `hasPortableIntegers`.
 * @param {unknown} value
 * @param {number} [depth] of the value itself, from 1
 * @returns {boolean}
 */
export declare function isPortable(value: unknown, depth?: number): boolean;
/**
 * Whether all integers in a JSON text are within ±2^53. Needs the text, because `JSON.parse` rounds larger ones.
 * @param {string} text
 */
export declare function hasPortableIntegers(text: string): boolean;

/** Which values every wire carries: finite numbers, integers within ±2^53, whole characters, at most 100 levels. Pure. */
/**
 * Whether a parsed JSON value can be sent. Integers need the text: see `hasPortableIntegers`.
 * @param {unknown} value
 * @param {number} [depth] of the value itself, from 1
 * @returns {boolean}
 */
export declare function isPortable(value: unknown, depth?: number): boolean;
/**
 * Whether all integers of a JSON text are within ±2^53. `JSON.parse` rounds larger ones, so only the text tells.
 * @param {string} text
 */
export declare function hasPortableIntegers(text: string): boolean;

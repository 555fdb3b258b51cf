/** Finds characters that are invisible or reorder others, because they can disguise a text. Pure. */

// All control, format, private-use and unassigned characters and line separators, except layout characters and the
// emoji joiner.
const UNSEEN = "(?![\\n\\t\\u200d])[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cn}\\p{Zl}\\p{Zp}]";
const ANY = new RegExp(UNSEEN, "gu");
const PIECES = new RegExp(`(${UNSEEN})`, "u");

/** Returns the invisible characters of a text, each once. @param {string} text */
export function unseenIn(text) {
  return [...new Set(text.match(ANY))];
}

/** Splits a text at its invisible characters; each of them is a piece. @param {string} text */
export function piecesOf(text) {
  return text.split(PIECES).filter((piece) => piece !== "");
}

/** Returns a character's code, such as U+202E. @param {string} character */
export function codeOf(character) {
  const code = /** @type {number} */ (character.codePointAt(0));
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

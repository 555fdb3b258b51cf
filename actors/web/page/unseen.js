/** Characters that are invisible, or that change the order of others: a text could look like another one. Pure. */

// All control, format, private and unassigned characters and separators of lines, but for those that are layout, and
// the joiner that emoji are made with.
const UNSEEN = "(?![\\n\\t\\u200d])[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cn}\\p{Zl}\\p{Zp}]";
const ANY = new RegExp(UNSEEN, "gu");
const PIECES = new RegExp(`(${UNSEEN})`, "u");

/** The invisible characters of a text, each once. @param {string} text */
export function unseenIn(text) {
  return [...new Set(text.match(ANY))];
}

/** The text cut at its invisible characters, each of which is a piece. @param {string} text */
export function piecesOf(text) {
  return text.split(PIECES).filter((piece) => piece !== "");
}

/** A character's code, such as U+202E. @param {string} character */
export function codeOf(character) {
  const code = /** @type {number} */ (character.codePointAt(0));
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Shows arguments and results: texts in full, all other values as JSON, and no character hidden. */

import { element } from "./element.js";

// Characters that are invisible, or that change the order of others: with them, a text could look like another one.
// Joiners (200c, 200d) are left out: scripts and emoji need them.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;
const PIECES = new RegExp(`(${UNSEEN.source})`, "u");

/** A list of an object's fields, with their names. @param {Record<string, any>} fields */
export function fieldsOf(fields) {
  const entries = Object.entries(fields);
  if (entries.length === 0) return element("p", { class: "quiet" }, "No arguments");
  const rows = entries.map(([name, value]) =>
    element("div", {}, element("dt", {}, ...visible(name)), element("dd", {}, valueOf(value))),
  );
  return element("dl", { class: "fields" }, ...rows);
}

/** @param {unknown} value */
export function valueOf(value) {
  if (typeof value === "string" && value !== "")
    return element("div", { class: "text", dir: "auto" }, ...visible(value));
  return element("code", { class: "json" }, ...visible(JSON.stringify(value, null, 2) ?? "null"));
}

/** The fields' values in a line of at most 80 characters. @param {Record<string, any>} fields */
export function summaryOf(fields) {
  const words = Object.values(fields).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  const line = words.join(", ").replace(/\s+/g, " ");
  return line.length > 80 ? `${[...line.slice(0, 80)].slice(0, -1).join("")}…` : line;
}

/**
 * The nodes of a text in which invisible characters appear as their code, such as U+202E.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function visible(text) {
  if (!UNSEEN.test(text)) return [text];
  return text
    .split(PIECES)
    .filter((piece) => piece !== "")
    .map((piece) => (UNSEEN.test(piece) ? marked(piece) : piece));
}

/** @param {string} character */
function marked(character) {
  const code = /** @type {number} */ (character.codePointAt(0)).toString(16).toUpperCase().padStart(4, "0");
  return element("mark", { class: "unseen-character", title: "An invisible character" }, `U+${code}`);
}

/** Shows arguments and results: texts in full, other values as JSON, and invisible characters as their codes. */

import { element } from "./element.js";
import { codeOf, piecesOf, unseenIn } from "./unseen.js";

/** Makes a list of an object's fields, with their names. @param {Record<string, any>} fields */
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

/** Returns the fields' values in one line of at most 80 characters. @param {Record<string, any>} fields */
export function summaryOf(fields) {
  const words = Object.values(fields).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  const line = words.join(", ").replace(/\s+/g, " ");
  return line.length > 80 ? `${[...line.slice(0, 80)].slice(0, -1).join("")}…` : line;
}

/**
 * Returns a text's nodes; invisible characters appear as their code, such as U+202E.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function visible(text) {
  const unseen = unseenIn(text);
  if (unseen.length === 0) return [text];
  return piecesOf(text).map((piece) => (unseen.includes(piece) ? marked(piece) : piece));
}

/** @param {string} character */
function marked(character) {
  return element("mark", { class: "unseen-character", title: "An invisible character" }, codeOf(character));
}

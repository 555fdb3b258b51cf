/** Small parts of forms. Text becomes text nodes, never HTML. */

import { element as make } from "./element.js";

export { make };

/**
 * @param {string} text
 * @param {string} name for screen readers, if the text alone is not enough
 * @param {() => void} action
 */
export function button(text, name, action) {
  const made = make("button", { type: "button", class: "form-button", "aria-label": name }, text);
  made.addEventListener("click", action);
  return made;
}

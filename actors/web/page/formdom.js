/** Building elements. Words go in as text nodes, never as HTML. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | boolean | null>} [attributes] true: present; false and null: absent
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** @param {string} text @param {string} name for screen readers, where the text alone doesn't say enough @param {() => void} action */
export function button(text, name, action) {
  const made = make("button", { type: "button", class: "form-button", "aria-label": name }, text);
  made.addEventListener("click", action);
  return made;
}

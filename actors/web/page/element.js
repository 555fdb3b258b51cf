/** Makes elements. Text always becomes a text node: the page never parses text as HTML. */

/** @typedef {Node | string | number | null | undefined | false} Child null, undefined and false are left out */

/**
 * Makes an element with attributes and children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | null | undefined | ((event: any) => unknown)>} [attributes] a
 *   function listens to the event of that name; `true` is an attribute without a value; `false`, null and undefined
 *   omit the attribute
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...present(children));
  return made;
}

/**
 * Gives a parent these children. Children that stay are not touched, so they keep focus and scroll position.
 * @param {Element} parent
 * @param {Child[]} children
 */
export function fill(parent, children) {
  const wanted = present(children);
  const kept = new Set(wanted);
  for (const child of [...parent.childNodes]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, place) => {
    const there = parent.childNodes[place];
    if (typeof child === "string" || there !== child) parent.insertBefore(nodeOf(child), there ?? null);
  });
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function present(children) {
  const there = children.filter((child) => child !== null && child !== undefined && child !== false);
  return there.map((child) => (typeof child === "number" ? String(child) : /** @type {Node | string} */ (child)));
}

/** @param {Node | string} child */
function nodeOf(child) {
  return typeof child === "string" ? document.createTextNode(child) : child;
}

/**
 * Sets an element's text, unless it is the same: touching a live region makes screen readers read it again.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

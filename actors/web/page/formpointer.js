/** JSON pointers (RFC 6901). Pure. */

/**
 * @param {string} path
 * @param {string | number} step
 * @returns the pointer to a member or an item of what `path` points to
 */
export function below(path, step) {
  return `${path}/${String(step).replace(/~/g, "~0").replace(/\//g, "~1")}`;
}

/** @param {string} path @returns {string[]} */
export function stepsOf(path) {
  return path
    .split("/")
    .slice(1)
    .map((step) => step.replace(/~1/g, "/").replace(/~0/g, "~"));
}

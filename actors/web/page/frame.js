/** Redraws after changes, at most once a frame. */

/**
 * Calls `show` after changes, at most once a frame. Returns a function that ends this.
 * @param {{ subscribe: (listener: () => void) => () => void }} source
 * @param {() => void} show
 */
export function follow(source, show) {
  /** @type {number | null} */
  let due = null;
  const stop = source.subscribe(() => {
    due ??= requestAnimationFrame(() => {
      due = null;
      show();
    });
  });
  return () => {
    stop();
    if (due !== null) cancelAnimationFrame(due);
  };
}

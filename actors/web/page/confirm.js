/** Asks for confirmation before something that can't be undone. */

import { element } from "./element.js";

/**
 * @param {string} title @param {string} words what will happen @param {string} verb text of the button that does it
 * @returns {Promise<boolean>} whether to do it; Escape means no
 */
export function confirm(title, words, verb) {
  const { promise, resolve } = Promise.withResolvers();
  const id = `confirm-${verb.toLowerCase().replace(/\W+/g, "-")}`;
  const yes = element("button", { class: "danger", type: "button" }, verb);
  const no = element("button", { type: "button", autofocus: true }, "Cancel");
  const dialog = element(
    "dialog",
    { class: "dialog", "aria-labelledby": id },
    element("h2", { id }, title),
    element("p", {}, words),
    element("div", { class: "actions" }, yes, no),
  );
  yes.addEventListener("click", () => dialog.close("yes"));
  no.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(dialog.returnValue === "yes");
  });
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

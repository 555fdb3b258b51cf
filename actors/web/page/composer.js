/** The form for a message: text, images, and the buttons that send it and stop the run. */

import { element, fill, setText } from "./element.js";
import { icon } from "./icon.js";
import { imageOf, refusalOf, TYPES } from "./picture.js";

/** @import { Image, UserBlock } from "../js/protocol.js" */

/**
 * @typedef {object} ComposerOptions
 * @property {(content: string | UserBlock[]) => Promise<boolean>} send resolves to whether the server accepted it; if
 *   not, the message stays in the form
 * @property {() => void} stop
 * @property {() => Promise<Record<string, number>>} limits of the server, by name
 */

const MARGIN_BYTES = 20_000; // of a message, kept free for its text
const DEFAULT_BYTES = 4_000_000;

export class Composer {
  element;
  #options;
  #text = element("textarea", { id: "message", rows: 1, placeholder: "Write a message", enterkeyhint: "send" });
  #file = element("input", {
    type: "file",
    accept: TYPES.join(","),
    multiple: true,
    class: "unseen",
    tabindex: -1,
    "aria-hidden": "true",
  });
  #images = element("ul", { class: "attached", "aria-label": "Attached images", hidden: true });
  #problem = element("p", { class: "problem", role: "alert", hidden: true });
  #hint = element("p", { class: "hint", id: "composer-hint" });
  #send = element("button", { class: "primary round", type: "submit", "aria-label": "Send" }, icon("send"));
  #stop;
  /** @type {{ image: Image, item: HTMLElement }[]} */
  #attached = [];
  #isBusy = false;
  /** Whether Enter was pressed during a run: the message is sent when the run has ended, unless it is edited. */
  #isQueued = false;
  #whyNot = "";

  /** @param {ComposerOptions} options */
  constructor(options) {
    this.#options = options;
    this.#stop = element(
      "button",
      { class: "round", type: "button", "aria-label": "Stop", click: () => options.stop(), hidden: true },
      icon("stop"),
    );
    const attach = element(
      "button",
      { class: "round plain", type: "button", "aria-label": "Attach images", click: () => this.#file.click() },
      icon("image"),
    );
    this.#text.setAttribute("aria-describedby", "composer-hint");
    const row = element("div", { class: "composer-row" }, attach, this.#file, this.#text, this.#stop, this.#send);
    const label = element("label", { class: "unseen", for: "message" }, "Message");
    this.element = element(
      "form",
      { class: "composer", submit: (/** @type {Event} */ event) => this.#submit(event) },
      this.#problem,
      this.#images,
      label,
      row,
      this.#hint,
    );
    this.#listen();
  }

  /**
   * @param {boolean} isBusy whether the run goes on: it can be stopped, and nothing can be sent
   * @param {string} hint why nothing can be sent
   */
  show(isBusy, hint) {
    this.#isBusy = isBusy;
    this.#whyNot = hint;
    this.#stop.hidden = !isBusy;
    this.#send.hidden = isBusy;
    setText(this.#hint, isBusy && this.#isQueued ? "Your message is sent when the run is over." : hint);
    if (!isBusy && this.#isQueued) this.element.requestSubmit();
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  #listen() {
    this.#text.addEventListener("input", () => {
      this.#isQueued = false;
      this.show(this.#isBusy, this.#whyNot);
      this.#fit();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // composing: Enter chooses a character
      event.preventDefault();
      this.element.requestSubmit();
    });
    this.#text.addEventListener("paste", (event) => {
      const isText = event.clipboardData?.types.includes("text/plain"); // office programs add a picture of the text
      if (!isText) this.#take([...(event.clipboardData?.files ?? [])], event);
    });
    this.element.addEventListener("dragover", (event) => event.preventDefault());
    this.element.addEventListener("drop", (event) => this.#take([...(event.dataTransfer?.files ?? [])], event));
    this.#file.addEventListener("change", () => {
      const files = [...(this.#file.files ?? [])];
      this.#file.value = ""; // lets the same file be chosen again
      void this.#attach(files);
    });
  }

  /** @param {File[]} files @param {Event} event */
  #take(files, event) {
    if (files.length === 0) return;
    event.preventDefault();
    void this.#attach(files);
  }

  /** @param {File[]} files */
  async #attach(files) {
    this.#complain("");
    const { maxInputBytes = DEFAULT_BYTES } = await this.#options
      .limits()
      .catch(() => /** @type {Record<string, number>} */ ({}));
    for (const file of files) {
      const used = this.#attached.reduce((sum, { image }) => sum + image.data.length, 0);
      const refusal = refusalOf(file, maxInputBytes - MARGIN_BYTES - used);
      if (refusal !== null) this.#complain(refusal);
      else this.#add(await imageOf(file), file.name);
    }
  }

  /** @param {Image} image @param {string} name */
  #add(image, name) {
    const remove = element("button", { type: "button", class: "round", "aria-label": `Remove ${name}` }, icon("close"));
    const item = element(
      "li",
      {},
      element("img", { src: `data:${image.mimeType};base64,${image.data}`, alt: name }),
      remove,
    );
    remove.addEventListener("click", () => this.#remove(item));
    this.#attached.push({ image, item });
    this.#showImages();
  }

  /** @param {HTMLElement} item */
  #remove(item) {
    this.#attached = this.#attached.filter((each) => each.item !== item);
    this.#showImages();
    this.focus();
  }

  #showImages() {
    fill(
      this.#images,
      this.#attached.map(({ item }) => item),
    );
    this.#images.hidden = this.#attached.length === 0;
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const text = this.#text.value.trim().toWellFormed(); // half an emoji can't be sent
    const attached = this.#attached;
    this.#isQueued = this.#isBusy && (text !== "" || attached.length > 0);
    this.show(this.#isBusy, this.#whyNot);
    if (this.#isBusy || (text === "" && attached.length === 0)) return;
    this.#complain("");
    this.#clear("", []);
    const images = attached.map(({ image }) => image);
    const content =
      images.length === 0 ? text : [...(text ? [{ type: /** @type {const} */ ("text"), text }] : []), ...images];
    const isSent = await this.#options.send(content);
    if (!isSent && this.#text.value === "") this.#clear(text, attached);
  }

  /** @param {string} text @param {{ image: Image, item: HTMLElement }[]} attached */
  #clear(text, attached) {
    this.#text.value = text;
    this.#attached = attached;
    this.#showImages();
    this.#fit();
  }

  /** @param {string} what */
  #complain(what) {
    setText(this.#problem, what);
    this.#problem.hidden = what === "";
  }

  /** Sets the field's height to fit its text, in browsers whose CSS can't. */
  #fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.rows = Math.min(8, this.#text.value.split("\n").length);
  }
}

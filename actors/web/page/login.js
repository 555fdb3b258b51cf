/** Asks for an access token when the server requires one. */

import { element, setText } from "./element.js";

export class Login {
  #dialog;
  #token = element("input", {
    id: "token",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
  });
  #refusal = element("p", { class: "problem", role: "alert", hidden: true });
  #onToken;
  #asked = 0;

  /** @param {(token: string) => void} onToken */
  constructor(onToken) {
    this.#onToken = onToken;
    this.#dialog = element(
      "dialog",
      { class: "dialog", "aria-labelledby": "login-title" },
      element(
        "form",
        { submit: (/** @type {Event} */ event) => this.#submit(event) },
        element("h2", { id: "login-title" }, "Access token"),
        element(
          "p",
          { class: "quiet" },
          "This server asks who you are. Whoever runs it gives you a token; this tab keeps it until it is closed.",
        ),
        element("label", { for: "token" }, "Token"),
        this.#token,
        this.#refusal,
        element("div", { class: "actions" }, element("button", { class: "primary", type: "submit" }, "Continue")),
      ),
    );
    this.#dialog.addEventListener("cancel", (event) => event.preventDefault()); // the page needs a token
  }

  /** Opens the dialog, unless it is open. */
  ask() {
    if (this.#dialog.open) return;
    setText(this.#refusal, this.#asked > 0 ? "The server does not accept this token." : "");
    this.#refusal.hidden = this.#asked === 0;
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#token.select();
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const token = this.#token.value.trim();
    if (token === "") return;
    this.#asked += 1;
    this.#dialog.close();
    this.#dialog.remove();
    this.#onToken(token);
  }
}

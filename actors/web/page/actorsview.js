/** The living actors of the server, as a tree that refreshes itself. */

import { asError } from "../js/errors.js";
import { Branch } from "./actorbranch.js";
import { age } from "./age.js";
import { element, fill } from "./element.js";
import { Notice } from "./notice.js";
import { visible } from "./value.js";

/** @import { ActorNode, ActorRestart, ActorTree } from "../js/protocol.js" @import { App } from "./app.js" */

const REFRESH_MS = 2_000;
const MOST_ACTORS = 300;
const MOST_RESTARTS = 8;

export class ActorsView {
  title = "Actors";
  #app;
  #notice = new Notice();
  /** @type {Branch | null} */
  #root = null;
  #tree = element("ul", { class: "actors" });
  #restarts = element("ul", { class: "restarts" });
  #restartsPart = element(
    "section",
    { class: "latest-restarts", hidden: true, "aria-labelledby": "restarts" },
    element("h2", { id: "restarts" }, "Latest restarts"),
    this.#restarts,
  );
  element = element(
    "section",
    { class: "page" },
    element("header", { class: "view-head" }, element("h1", {}, "Actors")),
    element(
      "p",
      { class: "quiet" },
      "What runs in the server now. A run that waits for long leaves memory, and this tree.",
    ),
    this.#notice.element,
    this.#tree,
    this.#restartsPart,
  );
  #timer = 0;
  #isClosed = false;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  opened() {
    void this.#refresh();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #refresh() {
    try {
      if (!document.hidden) this.#show(await this.#app.session.get(`tree?limit=${MOST_ACTORS}`));
    } catch (thrown) {
      const error = asError(thrown);
      if (!this.#isClosed) this.#notice.show(error.type === "connectionLost" ? null : error); // the bar above says it
      if (error.type === "forbidden" || error.type === "unauthorized") return;
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#refresh(), REFRESH_MS);
  }

  /** @param {ActorTree} tree */
  #show({ at, root }) {
    if (this.#isClosed) return;
    this.#notice.show(null);
    this.#root ??= new Branch(root);
    this.#root.update(root, at);
    fill(this.#tree, [this.#root.element]);
    const restarts = restartsOf(root).sort((a, b) => b.at - a.at);
    this.#restartsPart.hidden = restarts.length === 0;
    this.#restarts.replaceChildren(...restarts.slice(0, MOST_RESTARTS).map(restartRow));
  }
}

/** @param {ActorNode} node @returns {ActorRestart[]} */
function restartsOf({ recent = [], children = [] }) {
  return [...recent, ...children.flatMap(restartsOf)];
}

/** @param {ActorRestart} restart */
function restartRow({ name, at, cause }) {
  return element("li", {}, element("strong", {}, ...visible(name)), element("span", {}, ...visible(cause)), age(at));
}

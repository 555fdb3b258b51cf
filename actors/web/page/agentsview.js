/** Lets the person choose an agent, if the server has several. */

import { element, fill } from "./element.js";
import { Notice } from "./notice.js";
import { hashOf } from "./route.js";
import { suggestionsOf } from "./welcome.js";

/** @import { AgentInfo } from "../js/protocol.js" @import { App } from "./app.js" */

export class AgentsView {
  title = "Chat";
  #list = element("ul", { class: "agents" });
  #notice = new Notice();
  element = element(
    "section",
    { class: "page" },
    element("header", { class: "view-head" }, element("h1", {}, "Who would you like to talk to?")),
    this.#notice.element,
    this.#list,
  );
  #app;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  opened() {
    void this.#load();
  }

  close() {}

  async #load() {
    try {
      const agents = await this.#app.session.agents();
      const [only] = agents;
      if (only !== undefined && agents.length === 1 && this.element.isConnected)
        return this.#app.replace({ view: "chat", agent: only.name });
      fill(
        this.#list,
        agents.length === 0 ? [element("li", { class: "quiet" }, "This server has no agents.")] : agents.map(choice),
      );
    } catch (thrown) {
      const retry = element("button", { type: "button", click: () => void this.#load() }, "Try again");
      this.#notice.show(/** @type {any} */ (thrown), retry);
    }
  }
}

/** @param {AgentInfo} agent */
function choice({ name, description, model }) {
  const { about, suggestions } = suggestionsOf(description);
  const [first] = suggestions;
  return element(
    "li",
    {},
    element(
      "a",
      { href: hashOf({ view: "chat", agent: name }) },
      element("strong", {}, name),
      element("span", { class: "about" }, about),
      first !== undefined && element("span", { class: "quiet" }, "Try: ", first),
      element("span", { class: "model" }, model),
    ),
  );
}

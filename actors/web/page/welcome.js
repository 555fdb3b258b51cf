/** An empty chat: what the agent does, example messages, and its tools. */

import { element, fill } from "./element.js";

/** @import { AgentInfo, ToolInfo } from "../js/protocol.js" @import { App } from "./app.js" */

const TRY = /\s*\bTry:\s*/;

export class Welcome {
  element = element("div", { class: "welcome" });

  /** @param {App} app @param {string} name @param {(words: string) => void} say */
  constructor(app, name, say) {
    const show = (/** @type {AgentInfo[]} */ agents) => {
      const agent = agents.find((each) => each.name === name);
      if (agent !== undefined) fill(this.element, drawn(agent, say));
    };
    app.session.agents().then(show, () => {}); // the chat works without it
  }
}

/** Splits a description: "About the agent. Try: one message; another one". @param {string} description */
export function suggestionsOf(description) {
  const [about = "", tries = ""] = description.split(TRY, 2);
  const suggestions = tries.split(";").map((words) => words.trim().replace(/[.]$/, ""));
  return { about, suggestions: suggestions.filter((words) => words !== "") };
}

/** @param {AgentInfo} agent @param {(words: string) => void} say */
function drawn({ description, tools }, say) {
  const { about, suggestions } = suggestionsOf(description);
  return [
    element("p", { class: "about" }, about || "Ask it something."),
    suggestions.length > 0 &&
      element(
        "div",
        { class: "suggestions", role: "group", "aria-label": "Try" },
        ...suggestions.map((words) => element("button", { type: "button", click: () => say(words) }, words)),
      ),
    tools.length > 0 && element("h2", {}, "What it can do"),
    tools.length > 0 && element("ul", { class: "abilities" }, ...tools.map(ability)),
  ];
}

/** @param {ToolInfo} tool */
function ability({ name, description, decision, runs }) {
  const mark = decision !== undefined ? "asks a person" : runs === "client" ? "asks your browser" : null;
  return element(
    "li",
    {},
    element("code", {}, name),
    mark && element("span", { class: "tag" }, mark),
    element("span", { class: "quiet" }, description),
  );
}

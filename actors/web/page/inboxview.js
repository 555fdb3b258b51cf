/** The inbox: all calls that wait for a decision, oldest first. They can be decided here. */

import { element, fill, setText } from "./element.js";
import { InboxItem } from "./inboxitem.js";
import { follow } from "./frame.js";
import { Notice } from "./notice.js";
import { hashOf } from "./route.js";

/** @import { RunSummary, WaitingCall } from "../js/protocol.js" @import { App } from "./app.js" */

/**
 * A call that waits for a decision. `place`: its number among the `count` calls of its run that waited with it.
 * @typedef {{ run: RunSummary, call: WaitingCall, place: number, count: number }} Waiting
 */

/** Returns a run's calls that wait for a decision. @param {RunSummary} run @returns {Waiting[]} */
export function waitingOf(run) {
  const calls = (run.calls ?? []).filter(({ kind }) => kind === "decision");
  return calls.map((call, index) => ({ run, call, place: index + 1, count: calls.length }));
}

export class InboxView {
  title = "Inbox";
  element;
  #app;
  #filter;
  #agent = select("Agent");
  #tool = select("Tool");
  #list = element("ul", { class: "inbox" });
  #empty = element("p", { class: "empty", hidden: true });
  #more = element("p", { class: "quiet", hidden: true }, "More calls wait. They appear as you decide.");
  #notice = new Notice();
  /** By tool call id. @type {Map<string, InboxItem>} */
  #items = new Map();
  #stop;
  #hasOpened = false;

  /** @param {App} app @param {Record<string, string>} filter */
  constructor(app, filter) {
    this.#app = app;
    this.#filter = filter;
    this.#agent.control.addEventListener("change", () => this.#choose("agent", this.#agent.control.value));
    this.#tool.control.addEventListener("change", () => this.#choose("tool", this.#tool.control.value));
    const head = element(
      "header",
      { class: "view-head" },
      element("h1", {}, "Inbox"),
      element("div", { class: "filters" }, this.#agent.element, this.#tool.element),
    );
    this.element = element(
      "section",
      { class: "page" },
      head,
      this.#notice.element,
      this.#list,
      this.#more,
      this.#empty,
    );
    this.#stop = follow(app.waiting, () => this.#show());
  }

  opened() {
    this.#show();
  }

  close() {
    this.#stop();
    for (const item of this.#items.values()) item.close();
  }

  /** @param {"agent" | "tool"} name @param {string} value */
  #choose(name, value) {
    this.#filter = { ...this.#filter, [name]: value };
    history.replaceState(null, "", hashOf({ view: "inbox", filter: this.#filter }));
    this.#show();
  }

  #show() {
    const { runs, hasMore, error, isConnected } = this.#app.waiting.state;
    const all = runs.flatMap(waitingOf).sort((one, other) => (one.call.since ?? 0) - (other.call.since ?? 0));
    this.#agent.offer(
      all.map(({ run }) => run.agent),
      this.#filter["agent"] ?? "",
    );
    this.#tool.offer(
      all.map(({ call }) => call.toolName),
      this.#filter["tool"] ?? "",
    );
    const wanted = all.filter(
      ({ run, call }) => fits(run.agent, this.#filter["agent"]) && fits(call.toolName, this.#filter["tool"]),
    );
    this.#showItems(wanted);
    this.#notice.show(error?.type === "connectionLost" ? null : error); // the bar above says it
    this.#more.hidden = !hasMore;
    this.#empty.hidden = this.#items.size > 0 || error !== null || !isConnected;
    setText(this.#empty, all.length > 0 ? "No call that fits the filter waits." : "Nothing waits for a decision.");
  }

  /** @param {Waiting[]} wanted */
  #showItems(wanted) {
    const ids = new Set(wanted.map(({ call }) => call.toolCallId));
    for (const [id, item] of this.#items) {
      if (ids.has(id) || item.isStaying) continue;
      item.close();
      this.#items.delete(id);
    }
    const there = wanted.map((waiting) => this.#itemOf(waiting));
    const leaving = [...this.#items.values()].filter((item) => item.isStaying && !there.includes(item));
    const shown = [...there, ...leaving].sort((one, other) => one.since - other.since);
    fill(
      this.#list,
      shown.map((item) => item.element),
    );
    if (!this.#hasOpened && shown[0] !== undefined) {
      this.#hasOpened = true;
      shown[0].open();
    }
  }

  /** @param {Waiting} waiting */
  #itemOf(waiting) {
    const { toolCallId } = waiting.call;
    const item =
      this.#items.get(toolCallId) ??
      new InboxItem(this.#app, waiting, { onDecided: () => this.#openNext(toolCallId), onGone: () => this.#show() });
    this.#items.set(toolCallId, item);
    return item;
  }

  /** Opens the next call after one that was decided here. @param {string} toolCallId */
  #openNext(toolCallId) {
    const items = [...this.#items].sort(([, one], [, other]) => one.since - other.since);
    const place = items.findIndex(([id]) => id === toolCallId);
    const next = [...items.slice(place + 1), ...items.slice(0, place)].find(([, item]) => !item.isLingering);
    next?.[1].open({ focus: true });
  }
}

/** @param {string} value @param {string | undefined} wanted */
function fits(value, wanted) {
  return !wanted || value === wanted;
}

/** Makes a select with the values that occur. @param {string} label */
function select(label) {
  const control = element("select", { id: `filter-${label.toLowerCase()}` });
  const offer = (/** @type {string[]} */ values, /** @type {string} */ chosen) => {
    const wanted = ["", ...new Set([...values, chosen].filter((value) => value !== ""))].sort();
    if (
      control.options.length !== wanted.length ||
      wanted.some((value, place) => control.options[place]?.value !== value)
    )
      fill(
        control,
        wanted.map((value) => element("option", { value }, value || `Every ${label.toLowerCase()}`)),
      );
    control.value = chosen;
  };
  return {
    control,
    offer,
    element: element("label", { class: "filter" }, element("span", { class: "unseen" }, label), control),
  };
}

/** The list of runs, newest first. It is live. */

import { RunList } from "../js/runlist.js";
import { age } from "./age.js";
import { element, fill } from "./element.js";
import { follow } from "./frame.js";
import { Notice } from "./notice.js";
import { hashOf } from "./route.js";
import { STATUSES, statusMark } from "./status.js";
import { visible } from "./value.js";

/** @import { RunSummary } from "../js/protocol.js" @import { App } from "./app.js" */

const PAGE = 50; // runs of a page

export class RunsView {
  title = "Runs";
  element;
  #list = element("ul", { class: "runs" });
  #empty = element("p", { class: "empty", hidden: true }, "No runs yet.");
  #more = element(
    "button",
    { type: "button", class: "more", hidden: true, click: () => this.#runs.more() },
    "Show more",
  );
  #notice = new Notice();
  #runs;
  #stop;
  /** By run id. An unchanged run keeps its row. @type {Map<string, { run: RunSummary, row: HTMLElement }>} */
  #rows = new Map();

  /** @param {App} app @param {Record<string, string>} filter */
  constructor(app, filter) {
    const status = filter["status"] ?? "";
    const wanted = Object.hasOwn(STATUSES, status) ? { status: /** @type {RunSummary["status"]} */ (status) } : {};
    this.#runs = new RunList({ transport: app.session.transport, filter: wanted, limit: PAGE });
    this.#stop = follow(this.#runs, () => this.#show());
    const choices = [["", "All"], ...Object.entries(STATUSES)].map(([value = "", words]) =>
      choice(value, words, value === status),
    );
    this.element = element(
      "section",
      { class: "page" },
      element("header", { class: "view-head" }, element("h1", {}, "Runs")),
      element("nav", { class: "choices", "aria-label": "Filter by state" }, ...choices),
      this.#notice.element,
      this.#list,
      this.#empty,
      this.#more,
    );
  }

  opened() {}

  close() {
    this.#stop();
    this.#runs.close();
  }

  #show() {
    const { runs, hasMore, error, isConnected } = this.#runs.state;
    const before = this.#rows;
    this.#rows = new Map();
    for (const run of runs) {
      const there = before.get(run.runId);
      this.#rows.set(run.runId, there?.run === run ? there : { run, row: rowOf(run) });
    }
    fill(
      this.#list,
      [...this.#rows.values()].map(({ row }) => row),
    );
    this.#notice.show(error?.type === "connectionLost" ? null : error); // the bar above says it
    this.#more.hidden = !hasMore;
    this.#empty.hidden = runs.length > 0 || error !== null || !isConnected;
  }
}

/** @param {string} status @param {string | undefined} words @param {boolean} isHere */
function choice(status, words, isHere) {
  return element(
    "a",
    { href: hashOf({ view: "runs", filter: { status } }), "aria-current": isHere ? "true" : null },
    words,
  );
}

/** @param {RunSummary} run */
function rowOf({ runId, title, agent, status, updatedAt, stranded, startedBy }) {
  return element(
    "li",
    {},
    element(
      "a",
      { href: hashOf({ view: "run", runId }) },
      statusMark(status),
      element("span", { class: "run-title" }, ...visible(title || runId)),
      stranded ? element("span", { class: "tag" }, "needs its earlier code") : null,
      element("span", { class: "run-meta" }, agent, startedBy ? element("span", {}, startedBy) : null, age(updatedAt)),
    ),
  );
}

/** The timeline of a run: the steps in its record, and its current activity. */

import { asError } from "../js/errors.js";
import { durationOf, timeOfDay } from "./age.js";
import { element, fill } from "./element.js";
import { Notice } from "./notice.js";
import { stepOf } from "./step.js";

/** @import { ChatState } from "../js/chat.js" @import { Session } from "./session.js" */
/** @import { TimelineEntry } from "./step.js" */

const REST_MS = 250; // between two requests
const RETRY_MS = 3_000; // after a failed request

/**
 * Resolves to the entries of a run's timeline, oldest first, without the first `from`. Raises: AdjournError.
 * @param {Pick<Session, "get">} session @param {string} runId @param {number} from
 * @returns {Promise<TimelineEntry[]>}
 */
export async function timelineOf(session, runId, from) {
  /** @type {TimelineEntry[]} */
  const entries = [];
  /** @type {number | undefined} */
  let next = from;
  while (next !== undefined) {
    const page = await session.get(`runs/${encodeURIComponent(runId)}/timeline?from=${next}`);
    entries.push(...page.entries);
    next = page.next;
  }
  return entries;
}

export class Timeline {
  element;
  /** Called with each entry, once. @type {(entry: TimelineEntry) => void} */
  onEntry = () => {};
  #session;
  #runId;
  #list = element("ol", { class: "timeline" });
  #now = element("li", { class: "step now", hidden: true });
  #notice = new Notice();
  /** @type {TimelineEntry[]} */
  #entries = [];
  /** @type {HTMLElement[]} */
  #steps = [];
  /** The run's progress when the entries were last read. @type {string | null} */
  #seen = null;
  #isLoading = false;
  #isStale = false;
  #isClosed = false;

  /** @param {Pick<Session, "get">} session @param {string} runId */
  constructor(session, runId) {
    this.#session = session;
    this.#runId = runId;
    this.element = element("section", { "aria-label": "Timeline" }, this.#notice.element, this.#list);
  }

  close() {
    this.#isClosed = true;
  }

  /** Shows the current activity, and reads new entries if the run has gone on. @param {ChatState} state */
  show(state) {
    const words = nowOf(state);
    this.#now.hidden = words === "";
    fill(this.#now, [element("span", { class: "step-what" }, words)]);
    const results = state.tools.filter(({ result }) => result != null).length;
    const seen = JSON.stringify([
      state.messages.length,
      results,
      state.pending.map(({ toolCallId }) => toolCallId),
      state.status,
    ]);
    if (seen === this.#seen) return;
    this.#seen = seen;
    void this.load();
  }

  /** Reads the new entries. */
  async load() {
    this.#isStale = true;
    if (this.#isLoading) return;
    this.#isLoading = true;
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false;
      let waitMs = REST_MS;
      try {
        this.#add(await timelineOf(this.#session, this.#runId, this.#entries.length));
        this.#notice.show(null);
      } catch (thrown) {
        const error = asError(thrown);
        this.#notice.show(error);
        if (error.retryable) this.#isStale = true;
        waitMs = RETRY_MS;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    this.#isLoading = false;
  }

  /** @param {TimelineEntry[]} entries */
  #add(entries) {
    for (const entry of entries) {
      const before = this.#entries.at(-1);
      const gap = before === undefined ? "" : `+${durationOf(Math.max(0, entry.at - before.at))}`;
      const when = element(
        "span",
        { class: "step-when" },
        timeOfDay(entry.at),
        gap && element("span", { class: "quiet" }, gap),
      );
      this.#steps.push(element("li", { class: `step step-${entry.kind}` }, when, stepOf(entry)));
      this.#entries.push(entry);
      this.onEntry(entry);
    }
    fill(this.#list, [...this.#steps, this.#now]);
  }
}

/** Describes the current activity; empty if there is none. @param {ChatState} state */
function nowOf({ status, streamingMessage, pending, tools }) {
  if (streamingMessage !== null) return "The model is speaking";
  const names = tools.filter(({ result }) => result == null).map(({ toolName }) => toolName);
  const asked = pending.filter(({ kind }) => kind === "decision").map(({ toolName }) => toolName);
  const offered = pending.filter(({ kind }) => kind === "client").map(({ toolName }) => toolName);
  const parts = [
    names.length > 0 && `Running: ${names.join(", ")}`,
    asked.length > 0 && `Waiting for a decision: ${asked.join(", ")}`,
    offered.length > 0 && `Waiting for a client: ${offered.join(", ")}`,
  ].filter(Boolean);
  if (parts.length > 0) return parts.join(" · ");
  return status === "running" ? "Asking the model" : "";
}

/** One actor of the tree, and everything below it. Its elements stay when it changes, so they keep focus and folding. */

import { durationOf } from "./age.js";
import { element, fill, setText } from "./element.js";
import { hashOf } from "./route.js";
import { STATUSES } from "./status.js";
import { visible } from "./value.js";

/** @import { ActorNode } from "../js/protocol.js" */

/** @type {Record<ActorNode["state"], string>} */
const STATES = { idle: "Idle", busy: "Busy", restarting: "Restarting", stopping: "Stopping" };
/** The run's status that looks like an actor's state. @type {Record<ActorNode["state"], string>} */
const LOOKS = { idle: "completed", busy: "running", restarting: "failed", stopping: "aborted" };

export class Branch {
  element;
  #name;
  #state = element("span", { class: "status" });
  #waits = element("span", { class: "actor-waits" });
  #facts = element("span", { class: "actor-facts" });
  #children = element("ul", { class: "actors" });
  #more = element("li", { class: "quiet", hidden: true });
  /** By kind and name. @type {Map<string, Branch>} */
  #branches = new Map();

  /** @param {ActorNode} node */
  constructor(node) {
    const { kind, name, run } = node;
    this.#name = element("span", { class: "actor-name" }, ...visible(run ? run.title || run.runId : name));
    const row = [this.#name, this.#state, this.#facts, this.#waits];
    if (kind === "supervisor") {
      const head = element("summary", { class: "actor" }, ...row);
      this.element = element("li", {}, element("details", { open: true }, head, this.#children));
    } else if (run) {
      this.element = element(
        "li",
        {},
        element("a", { class: "actor", href: hashOf({ view: "run", runId: run.runId }) }, ...row),
      );
    } else {
      this.element = element("li", {}, element("div", { class: "actor" }, ...row));
    }
  }

  /** Shows the node as it is now. @param {ActorNode} node @param {number} at when it was so, in ms since the epoch */
  update(node, at) {
    const { state, waitsFor = "", children = [], more, uncounted = false } = node;
    const { look, words } = stateOf(node);
    this.#state.className = `status status-${look}`;
    setText(this.#state, words);
    this.#state.hidden = node.kind === "supervisor" && state === "idle";
    setText(this.#facts, factsOf(node, at).join(" · "));
    setText(this.#waits, `${node.run ? "waits for" : "in"} ${waitsFor}`);
    this.#waits.hidden = waitsFor === "";
    const before = this.#branches;
    this.#branches = new Map();
    for (const child of children) {
      const key = `${child.kind} ${child.name}`;
      const branch = before.get(key) ?? new Branch(child);
      branch.update(child, at);
      this.#branches.set(key, branch);
    }
    this.#more.hidden = more === 0 && !uncounted;
    setText(this.#more, more > 0 ? `… and ${more} more` : "… and perhaps more");
    fill(this.#children, [...[...this.#branches.values()].map((branch) => branch.element), this.#more]);
  }
}

/** Of a run its status, unless its actor is going down. @param {ActorNode} node */
function stateOf({ state, run }) {
  if (run && state !== "restarting" && state !== "stopping")
    return { look: run.status, words: run.stranded ? "Needs its earlier code" : STATUSES[run.status] };
  return { look: LOOKS[state], words: STATES[state] };
}

/**
 * What else there is to say: the mail that waits, the restarts, the time since the last start.
 * @param {ActorNode} node
 * @param {number} at
 */
export function factsOf({ kind, run, mailbox, restarts, restartsLeft, recent = [], startedAt }, at) {
  const waiting = (mailbox?.waiting ?? 0) + (mailbox?.senders ?? 0);
  return [
    run?.agent ?? "",
    waiting > 0 ? `mail ${waiting} of ${mailbox?.capacity}` : "",
    restarts > 0 ? counted(restarts, "restart") : "",
    kind === "supervisor" && recent.length > 0 ? `${counted(restartsLeft ?? 0, "restart")} left` : "",
    startedAt === undefined ? "" : `up ${durationOf(Math.max(0, at - startedAt)).replace(/\.\d s$/, " s")}`,
  ].filter((fact) => fact !== "");
}

/** @param {number} count @param {string} what */
function counted(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

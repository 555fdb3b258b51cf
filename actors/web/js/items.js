/** Reads the events and snapshots of one run, and checks the fields that other modules rely on. No I/O. */

import { malformed } from "./errors.js";

/**
 * @import { Envelope, RunSnapshot, Snapshot } from "./protocol.js"
 * @typedef {Envelope | RunSnapshot} Item
 * @typedef {RunSnapshot & { from?: number, next?: number }} Part of a snapshot: `from`: number of messages before it;
 *   `next`: `from` of the next part
 */

const FINAL = ["completed", "failed", "aborted"];

/** Returns whether a run with this status has ended. @param {Snapshot["status"]} status */
export function isFinal(status) {
  return FINAL.includes(status);
}

/** Returns whether this is the run's last item. @param {Item} item */
export function isLast(item) {
  return "event" in item ? item.event.type === "agent_end" : isFinal(item.snapshot.status);
}

/** Returns whether, after this item, the run has paused or ended. @param {Item} item */
export function isRest(item) {
  return isLast(item) || ("event" in item ? item.event.type === "agent_paused" : item.snapshot.status === "paused");
}

/** Reads the items of a run that come after a cursor. Joins the parts of a snapshot. */
export class ItemReader {
  /** @type {RunSnapshot & { next: number } | null} */
  #begun = null;

  /** @param {number | undefined} cursor seq of the last known item; undefined: a snapshot comes first */
  constructor(cursor) {
    this.cursor = cursor;
  }

  /** Drops an incomplete snapshot: a new connection starts again. */
  reset() {
    this.#begun = null;
  }

  /**
   * Returns the item that this value completes; null if it is old, or the snapshot is still incomplete.
   * @param {any} value
   * @returns {Item | null}
   * @throws {AdjournError} `malformed`
   */
  take(value) {
    if (typeof value?.runId !== "string" || !Number.isSafeInteger(value.seq))
      throw malformed("a message without a run");
    if (typeof value.event?.type === "string") return this.#event(value);
    if (!Array.isArray(value.snapshot?.messages)) throw malformed("a message that is neither event nor snapshot");
    return this.#part(value);
  }

  /** @param {Envelope} envelope */
  #event(envelope) {
    if (this.cursor === undefined || envelope.seq <= this.cursor) return null;
    this.cursor = envelope.seq;
    return envelope;
  }

  /** Ignores a part that doesn't follow the previous one. @param {Part} given */
  #part({ from = 0, next, ...part }) {
    const before = this.#begun;
    const follows = before?.seq === part.seq && before.next === from;
    this.#begun = null;
    if (!follows && from !== 0) return null;
    const begun = follows ? joined(before, part) : part;
    if (next !== undefined) {
      this.#begun = { ...begun, next };
      return null;
    }
    this.cursor = begun.seq;
    return begun;
  }
}

/** @param {RunSnapshot & { next: number }} before @param {RunSnapshot} part @returns {RunSnapshot} */
function joined({ next: _, snapshot, ...rest }, { snapshot: more }) {
  const messages = [...snapshot.messages, ...more.messages];
  const pending = [...(snapshot.pending ?? []), ...(more.pending ?? [])];
  const tools = [...(snapshot.tools ?? []), ...(more.tools ?? [])];
  return { ...rest, snapshot: { ...snapshot, messages, pending, tools } };
}

/** What a server says of one run: events and snapshots, checked as far as all the rest relies on it. No I/O. */

import { malformed } from "./errors.js";

/**
 * @import { Envelope, RunSnapshot, Snapshot } from "./protocol.js"
 * @typedef {Envelope | RunSnapshot} Item
 * @typedef {RunSnapshot & { from?: number, next?: number }} Part of a snapshot: `from`: messages before its first one;
 *   `next`: `from` of the part that follows
 */

const FINAL = ["completed", "failed", "aborted"];

/** @param {Snapshot["status"]} status whether a run in it is over */
export function isFinal(status) {
  return FINAL.includes(status);
}

/** @param {Item} item whether nothing follows it */
export function isLast(item) {
  return "event" in item ? item.event.type === "agent_end" : isFinal(item.snapshot.status);
}

/** @param {Item} item whether the run waits for somebody, or is over, from it on */
export function isRest(item) {
  return isLast(item) || ("event" in item ? item.event.type === "agent_paused" : item.snapshot.status === "paused");
}

/** The items of a run over one connection, from its cursor on. A snapshot in parts becomes one item. */
export class ItemReader {
  /** @type {RunSnapshot & { next: number } | null} */
  #begun = null;

  /** @param {number | undefined} cursor seq of the last item that is known; undefined: a snapshot will come first */
  constructor(cursor) {
    this.cursor = cursor;
  }

  /** The part of a snapshot that came so far is void: another connection begins anew. */
  reset() {
    this.#begun = null;
  }

  /**
   * The item that this completes; null where it is old, or the part of a snapshot that isn't complete.
   * @param {any} value
   * @returns {Item | null}
   * @throws {AdjournError} `malformed`
   */
  take(value) {
    if (typeof value?.runId !== "string" || !Number.isSafeInteger(value.seq))
      throw malformed("a message without a run");
    if (typeof value.event?.type === "string") return this.#event(value);
    if (!Array.isArray(value.snapshot?.messages)) throw malformed("a message that is no event and no snapshot");
    return this.#part(value);
  }

  /** @param {Envelope} envelope */
  #event(envelope) {
    if (this.cursor === undefined || envelope.seq <= this.cursor) return null;
    this.cursor = envelope.seq;
    return envelope;
  }

  /** One that doesn't follow the part before is passed over. @param {Part} given */
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

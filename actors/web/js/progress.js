/** A chat's progress in one run: the folded state, and which callbacks were called. No I/O. */

import { AdjournError } from "./errors.js";
import { isFinal } from "./items.js";
import { Transcript } from "./transcript.js";

/**
 * @import { Item, Part } from "./items.js"
 * @import { Message, Snapshot, ToolDecisionResolved } from "./protocol.js"
 * @import { Options } from "./options.js"
 */

export class Progress {
  /** Aborted to stop reading the run; null: the run isn't read. @type {AbortController | null} */
  reading = null;
  /** Pending until the server has accepted or refused the run. @type {Promise<unknown> | null} */
  starting = null;
  /** The seq of our last accepted request: earlier pauses don't count. */
  due = 0;
  /** Ids of the calls for which the server accepted our answer. @type {Set<string>} */
  answered = new Set();
  /** The calls for which callbacks were called. @type {Set<string>} */
  #told = new Set();
  /** Resolutions for which the callback was not called yet. @type {ToolDecisionResolved[]} */
  #resolved = [];
  #toldMessages;

  /**
   * @param {string | null} runId null: only history, no run yet
   * @param {Partial<Snapshot>} snapshot
   * @param {number | undefined} seq the last folded item's; undefined: a snapshot comes first
   */
  constructor(runId, snapshot, seq) {
    this.runId = runId;
    this.seq = seq;
    this.fold = new Transcript(snapshot);
    this.#toldMessages = this.fold.messages.length;
  }

  /** @param {Options} options */
  static initial({ initialMessages = [], initialRun, runId }) {
    if (initialRun !== undefined) {
      const { runId, seq, snapshot, next } = /** @type {Part} */ (initialRun);
      return new Progress(runId, snapshot, next === undefined ? seq : undefined); // a page lacks the other messages
    }
    return new Progress(runId ?? null, { messages: [...initialMessages] }, undefined);
  }

  /** @param {readonly Message[]} messages */
  static history(messages) {
    return new Progress(null, { messages: [...messages] }, undefined);
  }

  get isUnderWay() {
    return this.runId !== null && !isFinal(this.fold.status);
  }

  /** Returns whether the run has paused or ended, or isn't read. */
  get isSettled() {
    if (!this.isUnderWay || this.reading === null) return true;
    const { status, pending } = this.fold.snapshot();
    const isOpen = pending.some((call) => this.answered.has(call.toolCallId));
    return status === "paused" && (this.seq ?? 0) >= this.due && !isOpen;
  }

  leave() {
    this.reading?.abort();
    this.reading = null;
  }

  /** @param {Item} item */
  take(item) {
    if ("event" in item) {
      this.fold.apply(item.event);
      if (item.event.type === "tool_decision_resolved") this.#resolved.push(item.event);
      const isInput = item.event.type === "agent_start"; // it has the messages that the chat sent
      if (isInput) this.#toldMessages = this.fold.messages.length;
    } else {
      this.fold = new Transcript(item.snapshot);
      if (this.seq === undefined) this.#toldMessages = this.fold.messages.length;
    }
    this.seq = item.seq;
  }

  /**
   * Returns the callbacks to call now, each only once.
   * @param {Options} options
   * @returns {(() => void)[]}
   */
  news({ onMessage, onDecisionPending, onDecisionResolved, onToolCall, onFinish, onError }) {
    const run = this.fold.snapshot();
    /** @type {(() => void)[]} */
    const due = run.messages.slice(this.#toldMessages).map((message) => () => onMessage?.(message));
    this.#toldMessages = run.messages.length;
    for (const resolution of this.#resolved.splice(0)) due.push(() => onDecisionResolved?.(resolution));
    const once = (/** @type {string} */ key, /** @type {() => void} */ callback) => {
      if (!this.#told.has(key)) due.push(callback);
      this.#told.add(key);
    };
    for (const call of run.pending) {
      if (call.kind === "decision") once(`decision ${call.toolCallId}`, () => onDecisionPending?.(call));
      else once(`call ${call.toolCallId}`, () => onToolCall?.({ ...call, args: call.input }));
    }
    for (const call of run.tools) if (call.result == null) once(`call ${call.toolCallId}`, () => onToolCall?.(call));
    const { error } = this;
    if (error !== null) once("error", () => onError?.(error));
    if (isFinal(run.status)) once("finish", () => onFinish?.(run));
    return due;
  }

  /** Returns why the run failed; null if it didn't. */
  get error() {
    const { error } = this.fold.snapshot();
    return error === undefined ? null : new AdjournError(error.type, error.message, { ...error });
  }
}

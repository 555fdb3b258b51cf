/** Client-side calls: claims them, executes them here, and sends the results. */

import { sleep } from "./backoff.js";
import { asError } from "./errors.js";

/** @import { Backoff } from "./backoff.js" @import { AdjournError } from "./errors.js" */
/** @import { Transport } from "./transport.js" @import { PendingCall } from "./protocol.js" */

/**
 * Executes a call. Gets the arguments, as the model wrote or a person edited them. Returns any JSON value, or content
 * blocks. The model reads a thrown error. The signal is aborted when the result is no longer needed.
 * @callback Execute
 * @param {any} input
 * @param {{ signal: AbortSignal, runId: string, toolCallId: string }} context
 * @returns {unknown}
 */

/**
 * @typedef {object} Seat what all calls of one chat need
 * @property {Transport} transport
 * @property {string} claimant
 * @property {Backoff} backoff
 * @property {(error: AdjournError) => void} onError
 */

const SETTLED = ["claimTaken", "notPending", "runEnded", "runNotFound"]; // the call is another client's, or over
const INTERRUPTED = "The page was closed while it executed this call; the call may have taken effect.";

/**
 * The calls that this page's chats handle now. Two chats on one run have the same claimant, so a claim can't keep them
 * apart.
 * @type {Map<string, AbortSignal>}
 */
const atWork = new Map();

export class ClientTools {
  /** @type {Map<string, { execute: Execute, idempotent: boolean }>} */
  #tools = new Map();
  /** The calls being handled, until they no longer wait. @type {Map<string, AbortController>} */
  #taken = new Map();
  #seat;

  /** @param {Seat} seat */
  constructor(seat) {
    this.#seat = seat;
  }

  /** @param {string} name @param {Execute} execute @param {boolean} idempotent */
  add(name, execute, idempotent) {
    const tool = { execute, idempotent };
    this.#tools.set(name, tool);
    return () => void (this.#tools.get(name) === tool && this.#tools.delete(name));
  }

  /**
   * Starts the calls that wait for a client, and aborts those that no longer wait.
   * @param {string} runId
   * @param {readonly PendingCall[]} pending
   */
  offer(runId, pending) {
    const offers = new Map(pending.filter(({ kind }) => kind === "client").map((call) => [keyOf(runId, call), call]));
    for (const [key, controller] of this.#taken) {
      if (offers.has(key)) continue;
      controller.abort();
      this.#taken.delete(key);
    }
    for (const [key, call] of offers) {
      const tool = this.#tools.get(call.toolName);
      if (tool === undefined || this.#taken.has(key) || atWork.get(key)?.aborted === false) continue;
      const controller = new AbortController();
      const { signal } = controller;
      this.#taken.set(key, controller);
      atWork.set(key, signal);
      void this.#carryOut(runId, call, tool, signal).finally(() => atWork.get(key) === signal && atWork.delete(key));
    }
  }

  /** Stops executing and reporting. This page keeps its claims, for its next chat. */
  stop() {
    this.offer("", []);
  }

  /**
   * @param {string} runId
   * @param {PendingCall} call
   * @param {{ execute: Execute, idempotent: boolean }} tool
   * @param {AbortSignal} signal
   */
  async #carryOut(runId, call, tool, signal) {
    const { transport, claimant, onError } = this.#seat;
    const { toolCallId } = call;
    try {
      const claim = () => transport.claim({ runId, toolCallId, claimant });
      const { claimToken } = await this.#persist(claim, signal);
      // If the claim succeeds although the call is claimed, this page has claimed the call before a reload.
      const isAgain = call.claimed === true && !tool.idempotent;
      const outcome = isAgain
        ? failure(INTERRUPTED)
        : await outcomeOf(tool.execute, call.input, { signal, runId, toolCallId });
      if (!signal.aborted) await this.#report({ runId, toolCallId, claimToken }, outcome, signal);
    } catch (thrown) {
      const error = asError(thrown);
      if (!signal.aborted && !SETTLED.includes(error.type)) onError(error);
    }
  }

  /**
   * @param {{ runId: string, toolCallId: string, claimToken: string }} call
   * @param {{ result: unknown, isError?: boolean }} outcome
   * @param {AbortSignal} signal
   */
  async #report(call, outcome, signal) {
    const { transport } = this.#seat;
    try {
      await this.#persist(() => transport.result({ ...call, ...outcome }), signal);
    } catch (thrown) {
      const error = asError(thrown);
      if (SETTLED.includes(error.type)) throw error;
      await this.#persist(() => transport.result({ ...call, ...failure(error.message) }), signal); // e.g. too large
    }
  }

  /**
   * @template T
   * @param {() => Promise<T>} attempt repeated while its error is retryable
   * @param {AbortSignal} signal
   */
  async #persist(attempt, signal) {
    for (let failures = 1; ; failures += 1) {
      try {
        return await attempt();
      } catch (thrown) {
        if (!asError(thrown).retryable || signal.aborted) throw thrown;
      }
      await sleep(this.#seat.backoff.delayMs(failures), signal);
      signal.throwIfAborted();
    }
  }
}

/**
 * Returns a key of a call. A call that is offered again, after its claim ended, has a new key.
 * @param {string} runId
 * @param {PendingCall} call
 */
function keyOf(runId, { toolCallId, since }) {
  return `${runId}/${toolCallId}/${since}`;
}

/**
 * @param {Execute} execute
 * @param {any} input
 * @param {{ signal: AbortSignal, runId: string, toolCallId: string }} context
 */
async function outcomeOf(execute, input, context) {
  try {
    return { result: (await execute(input, context)) ?? null };
  } catch (thrown) {
    return failure(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** @param {string} message */
function failure(message) {
  return { result: message, isError: true };
}

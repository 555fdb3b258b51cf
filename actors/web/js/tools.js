/** Client-side calls: claiming them, executing them here, and reporting what came of them. */

import { sleep } from "./backoff.js";
import { asError } from "./errors.js";

/** @import { Backoff } from "./backoff.js" @import { AdjournError } from "./errors.js" */
/** @import { Transport } from "./transport.js" @import { PendingCall } from "./protocol.js" */

/**
 * Executes a call: gets the model's (or the decider's) arguments, gives any value that JSON carries, or content blocks.
 * What it throws goes to the model as an error. The signal fires when nobody wants the result any more.
 * @callback Execute
 * @param {any} input
 * @param {{ signal: AbortSignal, runId: string, toolCallId: string }} context
 * @returns {unknown}
 */

/**
 * @typedef {object} Seat where the calls come from
 * @property {Transport} transport
 * @property {string} claimant
 * @property {Backoff} backoff
 * @property {(error: AdjournError) => void} onError
 */

const SETTLED = ["claimTaken", "notPending", "runEnded", "runNotFound"]; // somebody else has it, or nobody wants it
const INTERRUPTED = "The page was left while it executed this call; it may have taken effect.";

/**
 * The calls that any chat of this page is at: two chats on one run have the same claimant.
 * @type {Map<string, AbortSignal>}
 */
const atWork = new Map();

export class ClientTools {
  /** @type {Map<string, { execute: Execute, idempotent: boolean }>} */
  #tools = new Map();
  /** The calls that were taken up, each until it waits no longer. @type {Map<string, AbortController>} */
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
   * Take up what waits for a client, and let go of what waits no longer.
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

  /** Nothing more is executed or reported; what is claimed stays so, for this page's next chat. */
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
      // Claimed before we asked, and given to us all the same: by this page, before it was loaded again.
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
      await this.#persist(() => transport.result({ ...call, ...failure(error.message) }), signal); // too big, say
    }
  }

  /**
   * @template T
   * @param {() => Promise<T>} attempt made again as long as that may help
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
 * A call that is offered again, after a claim that came to nothing, is another one.
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

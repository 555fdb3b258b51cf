/**
 * A conversation: one run after the other, folded into messages, with callbacks. Independent of any
 * framework or transport.
 */

import { Backoff } from "./backoff.js";
import { pageClaimant } from "./claimant.js";
import { AdjournError, asError, malformed } from "./errors.js";
import { messagesOf, transportOf } from "./options.js";
import { Progress } from "./progress.js";
import { randomId } from "./randomid.js";
import { ClientTools } from "./tools.js";

/**
 * @import { AssistantMessage, Message, PendingCall, Snapshot, ToolView, UserMessage } from "./protocol.js"
 * @import { Item } from "./items.js"
 * @import { Options, Said } from "./options.js"
 * @import { Execute } from "./tools.js"
 * @import { Reader } from "./transport.js"
 */

/**
 * The visible state of a chat. A new object after each change; unchanged parts are the same objects.
 * @typedef {object} ChatState
 * @property {Message[]} messages complete messages only
 * @property {AssistantMessage | null} streamingMessage the message that the model is still writing, so far
 * @property {PendingCall[]} pending the calls that wait for a decision or a client, in the model's order
 * @property {PendingCall[]} pendingDecisions the calls that wait for a decision
 * @property {PendingCall | null} pendingDecision the first of `pendingDecisions`
 * @property {ToolView[]} tools this turn's calls that execute or are done
 * @property {Snapshot["status"] | "idle"} status the latest run's status; `idle` before the first run
 * @property {boolean} isStreaming whether the run goes on without anyone's action
 * @property {AdjournError | null} error why the latest action, reading the run, or the run itself failed; null if
 *   nothing failed
 * @property {string | null} runId the latest run's id; null before the first run
 * @property {Snapshot | null} run the latest run: its agent, its usage so far, how it ended; null before the first run
 */

// Refusals of `after`: the chat then sends the whole conversation instead.
const UNREADABLE = ["runNotFound", "forbidden", "recordTooNew", "storeCorrupt"];
const BUSY = "the run has not ended yet: decide its calls, or abort it";

/**
 * A conversation with one agent.
 *
 * Each action resolves as soon as the server has accepted it: to true, or to false if `error` says why not. No action
 * rejects. The chat then reads the run in the background, to its end, whoever decides; `settled()` waits until the run
 * pauses or ends. A run goes on even if nobody reads it: only `abort` stops it.
 */
export class Chat {
  #options;
  #transport;
  #tools;
  #run;
  /** @type {AdjournError | null} */
  #error = null;
  /** @type {ChatState | null} */
  #state = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {(() => void)[]} */
  #checks = [];
  #actions = 0;
  /** Aborted by `close`: later results of earlier actions are then dropped. */
  #life = new AbortController();

  /** @param {Options} [options] */
  constructor(options = {}) {
    this.#options = options;
    this.#transport = options.transport ?? transportOf(options);
    this.#run = Progress.initial(options);
    this.#error = this.#run.error;
    this.#tools = new ClientTools({
      transport: this.#transport,
      claimant: options.claimant ?? pageClaimant(),
      backoff: new Backoff(options.backoff),
      onError: (error) => this.#fail(error),
    });
  }

  // State.

  /** @returns {ChatState} the same object until something changes */
  get state() {
    return (this.#state ??= this.#look());
  }

  get messages() {
    return this.state.messages;
  }

  get streamingMessage() {
    return this.state.streamingMessage;
  }

  get pending() {
    return this.state.pending;
  }

  get pendingDecisions() {
    return this.state.pendingDecisions;
  }

  get pendingDecision() {
    return this.state.pendingDecision;
  }

  get tools() {
    return this.state.tools;
  }

  get status() {
    return this.state.status;
  }

  get isStreaming() {
    return this.state.isStreaming;
  }

  get error() {
    return this.state.error;
  }

  get runId() {
    return this.state.runId;
  }

  get run() {
    return this.state.run;
  }

  /**
   * Calls `listener` after each change; returns a function that removes it.
   * @param {() => void} listener
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Resolves when no action is in progress, and the run waits for others, has ended, or isn't read.
   * @returns {Promise<void>}
   */
  settled() {
    return this.#until(() => this.#actions === 0 && this.#run.isSettled);
  }

  // Actions.

  /**
   * Starts a run with one or several user messages and the conversation as its history. If the run can't be started,
   * the messages are removed from the conversation.
   *
   * Refused with `busy` while a run has not ended: decide its calls, or abort it.
   * @param {string | Said | readonly Said[]} input
   */
  send(input) {
    if (this.#run.isUnderWay) return this.#refuse("busy", BUSY);
    const said = messagesOf(input);
    const before = this.#run;
    const run = new Progress(randomId(), { messages: [...before.fold.messages, ...said] }, 0);
    return this.#enter(run, () => this.#start(run, said, before));
  }

  /**
   * Decides a call. The request names the call and carries the digest of its arguments, so no other call can be decided
   * by mistake.
   *
   * Refused with `notPending` if the call doesn't wait, with `toolCallIdRequired` if several wait and none is named.
   * The server may refuse with `decisionInvalid`; its `data.errors` say what is wrong at which path, and the call still
   * waits.
   * @param {unknown} decision valid under the call's `schema`
   * @param {{ toolCallId?: string, arguments?: Record<string, any> }} [options] `toolCallId`: the call; may be left out
   *   while only one waits. `arguments`: executed in place of the model's, if the tool allows edited arguments
   */
  respondWithDecision(decision, { toolCallId, arguments: edited } = {}) {
    return this.#answer(toolCallId, (call) =>
      this.#transport.resume(present({ ...call, decision, arguments: edited })),
    );
  }

  /**
   * Declines a call, whatever its schema. Chooses the call, and is refused, as `respondWithDecision`.
   * @param {{ toolCallId?: string, reason?: string }} [options] the model reads the reason
   */
  decline({ toolCallId, reason } = {}) {
    return this.#answer(toolCallId, ({ runId, toolCallId }) =>
      this.#transport.decline(present({ runId, toolCallId, reason })),
    );
  }

  /**
   * Aborts the run, unless it has ended; resolves when it has. The model's text so far is kept.
   * @param {string} [reason]
   */
  abort(reason) {
    const run = this.#run;
    return this.#act(async () => {
      await run.starting?.catch(() => {});
      if (this.#run !== run || !run.isUnderWay || run.runId === null) return;
      const { seq = 0 } = await this.#transport.abort(present({ runId: run.runId, reason }));
      run.due = Math.max(run.due, seq);
      if (run.reading === null && run.isUnderWay) await this.#read(run);
      await this.#until(() => run.reading === null);
    }, run);
  }

  /**
   * Reads an existing run, whose messages become the conversation; `settled` waits for them. If the run can't be read,
   * the chat stays as it was.
   * @param {string} runId
   */
  attach(runId) {
    const run = new Progress(runId, {}, undefined);
    return this.#enter(run, () => this.#read(run));
  }

  /** Reads the current run on, if it has not ended: `initialRun` or `runId`, or after `close` or an error. */
  follow() {
    const run = this.#run;
    if (!run.isUnderWay) return Promise.resolve(true);
    return this.#act(async () => {
      await run.starting?.catch(() => {});
      if (this.#run === run && run.isUnderWay && run.reading === null) await this.#read(run);
    }, run);
  }

  /**
   * Replaces the conversation. Refused with `busy` while a run has not ended.
   * @param {readonly Message[]} messages
   */
  setMessages(messages) {
    if (this.#run.isUnderWay) return this.#refuse("busy", BUSY);
    this.#run = Progress.history(messages);
    return this.#act(async () => {});
  }

  /**
   * Executes client-side calls of this name here, while a run is read. Each call is claimed first, so that no other
   * client executes it too. Returns a function that removes the tool.
   * @param {string} name
   * @param {Execute} execute
   * @param {{ idempotent?: boolean }} [options] idempotent: whether to execute a call again that was interrupted by a
   *   reload of the page; otherwise the model is told that the call was interrupted
   */
  tool(name, execute, { idempotent = false } = {}) {
    const remove = this.#tools.add(name, execute, idempotent);
    this.#offer();
    return remove;
  }

  /** Stops reading, and closes the connection. Runs go on; `follow` reads on. */
  close() {
    this.#life.abort();
    this.#life = new AbortController();
    this.#run.leave();
    this.#tools.stop();
    if (this.#options.transport === undefined) this.#transport.close();
    this.#check();
  }

  // Executing actions.

  /**
   * Resolves to whether the action succeeded; if not, `error` says why.
   * @param {() => Promise<unknown>} action
   * @param {Progress} [run] the action's run: if the server no longer has it, its messages stay as history
   */
  async #act(action, run) {
    const life = this.#life.signal;
    this.#error = null;
    this.#actions += 1;
    this.#changed();
    try {
      await action();
      return true;
    } catch (error) {
      if (!life.aborted) this.#fail(asError(error), run);
      return false;
    } finally {
      this.#actions -= 1;
      this.#changed();
    }
  }

  /** @param {string} type @param {string} message @param {object} [data] */
  #refuse(type, message, data) {
    return this.#act(() => Promise.reject(new AdjournError(type, message, data)));
  }

  /**
   * Switches the chat to `run`, and back if the server refuses.
   * @param {Progress} run
   * @param {() => Promise<void>} begin
   */
  #enter(run, begin) {
    const before = this.#run;
    const wasRead = before.reading !== null;
    before.leave();
    this.#run = run;
    return this.#act(async () => {
      try {
        await (run.starting = begin());
      } catch (error) {
        run.leave();
        if (this.#run === run) this.#run = before;
        if (this.#run === before && wasRead) await this.#read(before).catch(() => {});
        throw error;
      } finally {
        run.starting = null;
      }
    });
  }

  /** @param {Progress} run @param {UserMessage[]} said @param {Progress} before */
  async #start(run, said, before) {
    const { agent, metadata, limits } = this.#options;
    const start = (/** @type {object} */ input) =>
      this.#transport.start(
        /** @type {any} */ (present({ agent, runId: run.runId, metadata, limits, ...input })),
        this.#reader(run),
      );
    const whole = () => start({ input: [...before.fold.messages, ...said] });
    const { runId } =
      before.runId === null
        ? await whole()
        : await start({ input: said, after: before.runId }).catch((error) => {
            if (!UNREADABLE.includes(asError(error).type)) throw error;
            return whole();
          });
    run.runId = runId;
  }

  /** @param {Progress} run */
  async #read(run) {
    if (run.runId === null) return;
    await this.#transport.watch(run.runId, run.seq, this.#reader(run));
    this.#tell(run);
    this.#offer();
  }

  /**
   * @param {string | undefined} toolCallId
   * @param {(call: { runId: string, toolCallId: string, digest?: string }) => Promise<{ seq?: number }>} send
   */
  #answer(toolCallId, send) {
    const run = this.#run;
    const { runId } = run;
    const meant = this.pendingDecisions.filter((call) => toolCallId === undefined || call.toolCallId === toolCallId);
    const [call] = meant;
    if (runId === null || call === undefined) return this.#refuse("notPending", "no such call waits for a decision");
    const open = meant.map((each) => each.toolCallId);
    if (open.length > 1) return this.#refuse("toolCallIdRequired", "several calls wait: name one", { open });
    return this.#act(async () => {
      const { seq = 0 } = await send(present({ runId, toolCallId: call.toolCallId, digest: call.digest }));
      run.answered.add(call.toolCallId);
      run.due = Math.max(run.due, seq);
    }, run);
  }

  // Reading.

  /** @param {Progress} run @returns {Reader} */
  #reader(run) {
    run.leave();
    const reading = (run.reading = new AbortController());
    return {
      signal: reading.signal,
      items: (items) => this.#take(run, items),
      end: (error) => this.#end(run, error),
    };
  }

  /** @param {Progress} run @param {Item[]} items */
  #take(run, items) {
    const { reading } = run;
    for (const item of items) {
      try {
        run.take(item);
      } catch (cause) {
        reading?.abort();
        return this.#end(run, malformed("an event", cause));
      }
      // Nearly all events are pieces of a message; callbacks don't need them.
      if (!("event" in item) || item.event.type !== "message_update") this.#tell(run);
      if (reading?.signal.aborted) return; // a callback has made the chat leave this run
    }
    this.#offer();
    this.#changed();
  }

  /** @param {Progress} run @param {AdjournError} [error] */
  #end(run, error) {
    run.reading = null;
    if (error === undefined) this.#changed();
    else this.#fail(error, run);
  }

  /** @param {Progress} run */
  #tell(run) {
    this.#state = null;
    this.#error = run.error ?? this.#error;
    for (const callback of run.news(this.#options)) guarded(callback);
  }

  #offer() {
    const { runId, fold, reading } = this.#run;
    if (runId !== null && reading !== null) this.#tools.offer(runId, fold.snapshot().pending);
  }

  // Changes.

  /** @returns {ChatState} */
  #look() {
    const { runId, fold } = this.#run;
    const snapshot = fold.snapshot();
    const { messages, streaming = null, pending, tools, status } = snapshot;
    const pendingDecisions = pending.filter((call) => call.kind === "decision");
    return {
      messages,
      streamingMessage: streaming,
      pending,
      pendingDecisions,
      pendingDecision: pendingDecisions[0] ?? null,
      tools,
      status: runId === null ? "idle" : status,
      isStreaming: runId !== null && status === "running",
      error: this.#error,
      runId,
      run: runId === null ? null : snapshot,
    };
  }

  /** @param {AdjournError} error @param {Progress} [run] */
  #fail(error, run) {
    if (error.type === "runNotFound" && run === this.#run) {
      run.leave();
      this.#run = Progress.history(run.fold.messages); // the run was deleted, or has expired
    }
    this.#error = error;
    this.#changed();
    guarded(() => this.#options.onError?.(error));
  }

  #changed() {
    this.#state = null;
    for (const listener of [...this.#listeners]) guarded(listener);
    this.#check();
  }

  /** @param {() => boolean} isReached @returns {Promise<void>} */
  #until(isReached) {
    return new Promise((resolve) => {
      const check = () => (isReached() ? resolve() : void this.#checks.push(check));
      check();
    });
  }

  #check() {
    for (const check of this.#checks.splice(0)) check();
  }
}

/**
 * Removes undefined fields, so that they aren't sent.
 * @template {object} T
 * @param {T} fields
 */
function present(fields) {
  return /** @type {T} */ (Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));
}

/** Calls a callback. Its errors are reported as uncaught, and stop nothing here. @param {() => unknown} callback */
function guarded(callback) {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The interface of transports, for Chat and RunList. Types only. */

/**
 * @import { Claimed, RunAbort, RunClaim, RunDecline, RunResult, RunResume, RunStart, RunUnclaim } from "./protocol.js"
 * @import { RunPage, RunSummary, RunList as RunListParams } from "./protocol.js"
 * @import { AdjournError } from "./errors.js"
 * @import { Item } from "./items.js"
 */

/**
 * A reader of a run.
 * @typedef {object} Reader
 * @property {AbortSignal} signal aborted when the reader stops; then neither `items` nor `end` is called
 * @property {(items: Item[]) => void} items called with new items: in order, each once, across reconnects. A snapshot
 *   replaces all events up to its seq, and may come at any time
 * @property {(error?: AdjournError) => void} end called once: after the run's last item, or when reading fails for good
 */

/**
 * Every method resolves once the server has accepted the request, and rejects with an AdjournError. The transport may
 * send a request again if the answer was lost: the server executes it once.
 * @typedef {object} Transport
 * @property {(params: RunStart & { runId: string }, reader: Reader) => Promise<{ runId: string }>} start starts a run,
 *   and reads it from its first event on
 * @property {(runId: string, after: number | undefined, reader: Reader) => Promise<void>} watch reads a run from the
 *   item after `after` on; without `after`, or if the server no longer has the later items, from a snapshot on
 * @property {(params: RunResume) => Promise<{ seq?: number }>} resume resolves to the seq of the decision's last event
 * @property {(params: RunDecline) => Promise<{ seq?: number }>} decline
 * @property {(params: RunAbort) => Promise<{ seq?: number }>} abort resolves when the run has ended
 * @property {(params: RunClaim) => Promise<Claimed>} claim
 * @property {(params: RunUnclaim) => Promise<unknown>} unclaim
 * @property {(params: RunResult) => Promise<unknown>} result
 * @property {() => void} close ends all readers without calling them, and closes the connection; runs go on. The
 *   transport can be used again
 */

/** @typedef {Pick<RunListParams, "status" | "agent" | "waiting">} RunsFilter which runs are listed and followed */

/**
 * A follower of the list of runs.
 * @typedef {object} RunsFollower
 * @property {RunsFilter} filter
 * @property {AbortSignal} signal aborted when the follower stops; then nothing is called
 * @property {() => void} begin called when the server has started to report changes, at least once a connection: list
 *   the runs again
 * @property {(run: RunSummary) => void} change called with each run that has changed, also with some outside the filter
 * @property {(error: AdjournError) => void} lost called when the connection is lost; `begin` is called on the next one
 * @property {(error: AdjournError) => void} end called when the server refuses; then nothing more is called
 */

/**
 * @typedef {object} RunsTransport
 * @property {(params: RunListParams) => Promise<RunPage>} list
 * @property {(follower: RunsFollower) => void} follow
 * @property {() => void} close
 */

export {};

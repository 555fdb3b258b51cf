/** Describes who decided a call, and how. Pure. */

/** @import { ToolDecisionResolved } from "../js/protocol.js" */

/** @typedef {Omit<ToolDecisionResolved, "type"> & { approval?: boolean, isOurs?: boolean }} Resolution */

/**
 * Returns a text such as "Approved by ann", or "Declined by you: too much".
 * @param {Resolution} resolution `approval`: the decision is a yes or a no; `isOurs`: it was made in this window
 */
export function resolutionText({ outcome, by, reason, arguments: edited, approval = false, isOurs = false }) {
  const why = reason ? `: ${reason}` : "";
  if (outcome === "expired")
    return reason ? "Nobody decided in time" : "Nobody decided in time, so the default was taken";
  if (outcome === "aborted") return `Stopped before a decision${why}`;
  const changed = edited === undefined ? "" : ", with other arguments,";
  const what = outcome === "declined" ? "Declined" : (approval ? "Approved" : "Decided") + changed;
  const who = isOurs ? ` by you${by ? ` (${by})` : ""}` : by ? ` by ${by}` : "";
  return `${what}${who}${why}`;
}

/** The statuses of a run: their names, and a mark for each. */

import { element } from "./element.js";

/** @import { RunSummary } from "../js/protocol.js" */

/** @typedef {RunSummary["status"]} Status */

/** @type {Record<Status, string>} */
export const STATUSES = {
  running: "Running",
  paused: "Waiting",
  completed: "Done",
  failed: "Failed",
  aborted: "Stopped",
};

/** @param {Status} status */
export function statusMark(status) {
  return element("span", { class: `status status-${status}` }, STATUSES[status]);
}

/** Describes the steps of a timeline. */

import { element } from "./element.js";
import { icon } from "./icon.js";
import { resolutionText } from "./resolution.js";
import { STATUSES } from "./status.js";
import { spentOf, spentText } from "./usage.js";
import { fieldsOf, valueOf, visible } from "./value.js";

/** @import { ErrorInfo, ToolDecisionResolved, Usage } from "../js/protocol.js" */

/** @typedef {{ kind: "input", at: number, messages: number, text: string }} InputEntry */
/**
 * @typedef {{ kind: "message", at: number, model: string, stopReason: string, usage: Usage, text: string,
 *   calls: { toolCallId: string, toolName: string }[] }} MessageEntry
 */
/** @typedef {{ kind: "decision", at: number, toolName: string } & Omit<ToolDecisionResolved, "type">} DecisionEntry */
/**
 * @typedef {{ kind: "result", at: number, toolCallId: string, toolName: string, isError: boolean, by?: string,
 *   declined?: boolean, text: string }} ResultEntry
 */
/**
 * @typedef {{ kind: "end", at: number, status: "completed" | "failed" | "aborted", reason: string, error?: ErrorInfo,
 *   usage: Usage }} EndEntry
 */
/** @typedef {InputEntry | MessageEntry | DecisionEntry | ResultEntry | EndEntry} TimelineEntry as in `run.timeline` */

/** @param {TimelineEntry} entry */
export function stepOf(entry) {
  return element("div", { class: "step-body" }, ...partsOf(entry));
}

/** @param {TimelineEntry} entry */
function partsOf(entry) {
  switch (entry.kind) {
    case "input":
      return [what("person", "Input"), quote(entry.text), entry.messages > 1 && note(`${entry.messages} messages`)];
    case "message":
      return messageParts(entry);
    case "decision":
      return decisionParts(entry);
    case "result": {
      const outcome = entry.declined ? "was not executed" : entry.isError ? "failed" : "is done";
      return [
        what("tool", code(entry.toolName), ` ${outcome}`),
        quote(entry.text),
        entry.by && note(`executed by ${entry.by}`),
      ];
    }
    case "end":
      return [
        what("flag", STATUSES[entry.status]),
        entry.error === undefined ? null : quote(entry.error.message),
        note([entry.reason, spentText(spentOf(entry.usage))].filter(Boolean).join(" · ")),
      ];
  }
}

/** @param {MessageEntry} entry */
function messageParts({ model, stopReason, usage, text, calls }) {
  const asked = calls.map(({ toolName }) => code(toolName));
  const ending = stopReason === "stop" || stopReason === "toolUse" ? "" : stopReason;
  return [
    what("message", "The model answered", ...(asked.length > 0 ? [" and asked for ", ...separated(asked)] : [])),
    quote(text),
    note([model, spentText(spentOf(usage)), ending].filter(Boolean).join(" · ")),
  ];
}

/** @param {DecisionEntry} entry */
function decisionParts({ toolName, decision, arguments: edited, ...resolution }) {
  const approval = decision?.approved === true;
  const isShown = decision !== undefined && JSON.stringify(decision) !== '{"approved":true}';
  return [
    what(
      resolution.outcome === "decided" ? "check" : "cross",
      code(toolName),
      ": ",
      ...visible(resolutionText({ ...resolution, approval })),
    ),
    isShown &&
      element("div", { class: "step-value" }, element("span", { class: "quiet" }, "Decision"), valueOf(decision)),
    edited &&
      element(
        "div",
        { class: "step-value" },
        element("span", { class: "quiet" }, "Arguments changed to"),
        fieldsOf(edited),
      ),
  ];
}

/** @param {import("./icon.js").IconName} name @param {...(Node | string)} words */
function what(name, ...words) {
  return element("p", { class: "step-what" }, icon(name), element("span", {}, ...words));
}

/** @param {string} text */
function quote(text) {
  return text === "" ? null : element("p", { class: "step-quote", dir: "auto" }, ...visible(text));
}

/** @param {string} words */
function note(words) {
  return words === "" ? null : element("p", { class: "step-note" }, words);
}

/** @param {string} name */
function code(name) {
  return element("code", {}, name);
}

/** @param {Node[]} nodes @returns {(Node | string)[]} */
function separated(nodes) {
  return nodes.flatMap((node, place) => (place === 0 ? [node] : [", ", node]));
}

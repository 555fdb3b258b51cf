/** Errors in plain words: what happened, and what to do. Pure. */

/** @import { AdjournError } from "../js/errors.js" */

/** @type {Record<string, string>} what a person can do about an error of this type */
const ADVICE = {
  agentNotFound: "The server no longer has this agent. Choose another one.",
  claimTaken: "Another client executes this call.",
  connectionLost: "The server did not answer. Check the connection, then try again.",
  crashLoop: "The run crashed again and again, so the server ended it. Its log says why.",
  decisionConflict: "Somebody else decided this differently a moment ago. Their decision stands.",
  decisionInvalid: "Correct the marked fields, then send the decision again.",
  forbidden: "You are not allowed to do this. Ask whoever runs the server.",
  limitExceeded: "The server takes no more than this. Send less, or start a new conversation.",
  maxCost: "The run reached its limit of cost. Send another message to go on.",
  maxTokens: "The run reached its limit of tokens. Send another message to go on.",
  maxTurns: "The run reached its limit of turns. Send another message to go on.",
  modelError: "Send another message to try again. If it fails again, check the server's model settings.",
  notPending: "This call does not wait any more: it was decided, or its time is over.",
  recordTooNew: "A newer version of the server saved this run. Update the server to open it.",
  runEnded: "The run has ended. Send another message to go on.",
  runNotFound: "The run was deleted, or it has expired.",
  shuttingDown: "The server is restarting. Try again in a moment.",
  storeUnavailable: "The server can't reach its store. Nothing is lost; try again in a moment.",
  stranded: "The server's code no longer fits this run. Ask whoever runs the server to load the agent's earlier code.",
  unauthorized: "The server asks for an access token.",
};

/**
 * Returns the server's message as a sentence, and advice.
 * @param {AdjournError} error
 * @returns {{ what: string, advice: string }}
 */
export function problemOf({ type, message }) {
  const what = message.charAt(0).toUpperCase() + message.slice(1);
  return {
    what: /[.!?]$/.test(what) ? what : `${what}.`,
    advice: ADVICE[type] ?? "Try again; the server's log may say more.",
  };
}

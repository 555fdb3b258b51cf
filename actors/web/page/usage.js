/** Tokens and cost as text. Pure. */

/** @import { Message, Usage } from "../js/protocol.js" */

const count = new Intl.NumberFormat("en");
const money = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });

/** @typedef {{ tokens: number, cost: number }} Spent */

/**
 * Returns the tokens and cost of all model calls of a conversation.
 * @param {readonly Message[]} messages
 * @returns {Spent}
 */
export function spentOn(messages) {
  let [tokens, cost] = [0, 0];
  for (const message of messages) {
    if (message.role !== "assistant") continue;
    tokens += message.usage.totalTokens;
    cost += message.usage.cost.total;
  }
  return { tokens, cost };
}

/** @param {Usage} usage @returns {Spent} */
export function spentOf(usage) {
  return { tokens: usage.totalTokens, cost: usage.cost.total };
}

/**
 * Returns "1,204 tokens · cost 0.0031"; empty if nothing was counted. The currency is that of the model's prices, which
 * the server doesn't name.
 * @param {Spent} spent
 */
export function spentText({ tokens, cost }) {
  const parts = [];
  if (tokens > 0) parts.push(`${count.format(tokens)} ${tokens === 1 ? "token" : "tokens"}`);
  if (cost > 0) parts.push(`cost ${cost >= 1 ? cost.toFixed(2) : money.format(cost)}`);
  return parts.join(" · ");
}

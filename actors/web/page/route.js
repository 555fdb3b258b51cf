/** Reads and writes the part of the address after `#`, which names a view. Pure. */

/**
 * @typedef {object} Route
 * @property {"chat" | "inbox" | "runs" | "run" | "actors"} view
 * @property {string} [agent] of a chat; without it the person chooses one
 * @property {string} [runId] of a run, or of a chat to continue
 * @property {"conversation" | "timeline"} [part] of a run
 * @property {Record<string, string>} [filter] of a list
 */

/** Returns the route of a `location.hash`. An unknown one leads to the chat. @param {string} hash @returns {Route} */
export function routeOf(hash) {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view, first, second] = path.split("/").map(decoded);
  const filter = Object.fromEntries(new URLSearchParams(query));
  if (view === "inbox") return { view, filter };
  if (view === "runs" && first)
    return { view: "run", runId: first, part: second === "timeline" ? "timeline" : "conversation" };
  if (view === "runs") return { view, filter };
  if (view === "actors") return { view };
  return { view: "chat", ...(first ? { agent: first } : {}), ...(first && second ? { runId: second } : {}) };
}

/** Returns the hash of a route. @param {Route} route */
export function hashOf({ view, agent, runId, part, filter = {} }) {
  const wanted = Object.entries(filter).filter(([, value]) => value !== "");
  const query = wanted.length === 0 ? "" : `?${new URLSearchParams(wanted)}`;
  if (view === "run") return pathOf("runs", runId, part === "timeline" ? part : undefined);
  return pathOf(view, agent, runId) + query;
}

/** @param {...(string | undefined)} parts */
function pathOf(...parts) {
  return `#/${parts
    .filter((part) => part !== undefined)
    .map((part) => encodeURIComponent(part))
    .join("/")}`;
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // invalid escape
  }
}

/** Shared by the tests here: a server's events, and a scripted transport and HTTP server. */

import { createServer } from "node:http";

import { AdjournError } from "../../../../actors/web/js/index.js";

export const USAGE = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  totalTokens: 0,
  cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 },
};
export const QUICK = { firstMs: 1, maximumMs: 2 }; // backoff

export const user = (content) => ({ role: "user", content, timestamp: 0 });

export const assistant = (...content) => ({
  role: "assistant",
  content,
  api: "",
  provider: "",
  model: "",
  usage: USAGE,
  stopReason: "stop",
  timestamp: 0,
});

export const text = (words) => ({ type: "text", text: words });

export const call = (id, name, args = {}) => ({ type: "toolCall", id, name, arguments: args });

/** Makes envelopes of one run, numbered from `seq` on. */
export function script(runId, events, seq = 1) {
  return events.map((event, index) => ({ runId, seq: seq + index, time: 0, event }));
}

export const start = (...input) => ({ type: "agent_start", agent: "support", input });

export const streamed = (...words) => [
  { type: "message_start", message: assistant() },
  { type: "message_update", assistantMessageEvent: { type: "text_start", contentIndex: 0 } },
  ...words.map((delta) => ({
    type: "message_update",
    assistantMessageEvent: { type: "text_delta", contentIndex: 0, delta },
  })),
];

export const said = (words) => ({ type: "message_end", message: assistant(text(words)) });

export const called = (id, name = "refund", args = { n: 7 }) => ({
  type: "message_end",
  message: assistant(call(id, name, args)),
});

export const asks = (id, toolName = "refund") => ({
  type: "tool_decision_pending",
  toolCallId: id,
  toolName,
  input: { n: 7 },
  schema: { type: "object" },
  digest: `of ${id}`,
});

export const offered = (id, toolName = "locate", since = 1) => ({
  type: "tool_client_execute_pending",
  toolCallId: id,
  toolName,
  input: { n: 7 },
  since,
});

export const paused = (...toolCallIds) => ({ type: "agent_paused", toolCallIds });

export const resolved = (toolCallId) => [
  { type: "tool_decision_resolved", toolCallId, outcome: "decided" },
  { type: "agent_resume", reason: "decided" },
];

export const executed = (toolCallId, words = "done") => {
  const result = { content: [text(words)] };
  return { type: "tool_execution_end", toolCallId, toolName: "refund", result, isError: false };
};

export const end = (status = "completed", more = {}) => ({
  type: "agent_end",
  status,
  reason: status,
  usage: USAGE,
  ...more,
});

export const refusal = (type, data) => new AdjournError(type, `refused: ${type}`, data);

/** A promise that the test settles. */
export const later = () => Promise.withResolvers();

/** Resolves when `isReached()` is true; checks after each turn of the event loop. */
export async function until(isReached, patienceMs = 20_000) {
  const deadline = performance.now() + patienceMs;
  while (!isReached()) {
    if (performance.now() > deadline) throw new Error(`never: ${isReached}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * A transport whose answers are `on[method]`, by default `{}`. `requests` has all requests; `reader` is the latest
 * run's.
 */
export class ScriptedTransport {
  requests = [];
  isClosed = false;
  on = {};

  constructor(on = {}) {
    this.on = on;
    for (const method of ["resume", "decline", "abort", "claim", "unclaim", "result"]) {
      this[method] = (params) => this.#ask(method, params);
    }
  }

  async start(params, reader) {
    this.reader = reader;
    return { runId: params.runId, ...(await this.#ask("start", params)) };
  }

  async watch(runId, after, reader) {
    this.reader = reader;
    await this.#ask("watch", { runId, after });
  }

  close() {
    this.isClosed = true;
  }

  /** Returns the requests of a method, in order. */
  asked(method) {
    return this.requests.filter((request) => request.method === method).map(({ params }) => params);
  }

  /** Sends these events of the run that is read, from `seq` on. */
  say(events, seq = 1) {
    this.reader.items(script(this.asked("start").at(-1)?.runId ?? "run", events, seq));
  }

  async #ask(method, params) {
    this.requests.push({ method, params: structuredClone(params) });
    return (await this.on[method]?.(params)) ?? {};
  }
}

/** An HTTP server on loopback. Each step of the script answers one request: `(response, request) => …`. */
export class ScriptedServer {
  requests = [];
  #steps = [];
  #server = createServer((request, response) => void this.#answer(request, response));

  static async open(test, ...steps) {
    const server = new ScriptedServer();
    server.#steps = steps;
    await new Promise((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    server.api = `http://127.0.0.1:${server.#server.address().port}/runs`;
    test.after(() => {
      server.#server.closeAllConnections();
      return new Promise((resolve) => server.#server.close(resolve));
    });
    return server;
  }

  async #answer(request, response) {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    this.requests.push({ method, url, headers, body: body && JSON.parse(body) });
    const step = this.#steps.shift();
    if (step === undefined) return response.writeHead(500).end("the script is at its end");
    await step(response, this.requests.at(-1));
  }

  /** Breaks all connections off. */
  drop() {
    this.#server.closeAllConnections();
  }

  /** Method and path of each request so far. */
  get asked() {
    return this.requests.map(({ method, url }) => `${method} ${url}`);
  }
}

export const sse = (envelopes) =>
  envelopes.map((each) => `id: ${each.seq}\ndata: ${JSON.stringify(each)}\n\n`).join("");

/**
 * Makes a step: a stream of these envelopes, which then ends; with `then: "cut"` it breaks off, with `then: "hold"` it
 * stays open.
 */
export function stream(envelopes, { then = "end", headers = {} } = {}) {
  return async (response, { body }) => {
    const events = typeof envelopes === "function" ? envelopes(body) : envelopes;
    response.writeHead(200, { "content-type": "text/event-stream", ...headers });
    await new Promise((resolve) => response.write(sse(events) || ": hello\n\n", resolve));
    if (then === "end") response.end();
    if (then === "cut") response.destroy();
  };
}

export const cut = () => (response) => void response.destroy();

export const problem =
  (status, type, more = {}) =>
  (response) => {
    response.writeHead(status, { "content-type": "application/problem+json" });
    response.end(JSON.stringify({ type, title: type, status, detail: `refused: ${type}`, ...more }));
  };

export const json =
  (value, status = 200) =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };

/** Collects what a transport reports of a run. */
export class Collector {
  items = [];
  #stop = new AbortController();
  #ended = later();
  signal = this.#stop.signal;
  ended = this.#ended.promise; // resolves to the error, if any

  reader() {
    return {
      signal: this.signal,
      items: (items) => void this.items.push(...items),
      end: (error) => this.#ended.resolve(error),
    };
  }

  stop() {
    this.#stop.abort();
  }

  get seqs() {
    return this.items.map(({ seq }) => seq);
  }
}

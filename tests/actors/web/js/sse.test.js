/** The HTTP transport over a real socket, with every interruption and refusal that a server or proxy may cause. */

import assert from "node:assert/strict";
import test from "node:test";

import { Chat, SSETransport } from "../../../../actors/web/js/index.js";
import {
  asks,
  called,
  Collector,
  cut,
  end,
  executed,
  json,
  later,
  paused,
  problem,
  QUICK,
  resolved,
  said,
  script,
  ScriptedServer,
  sse,
  start,
  stream,
  streamed,
  until,
  user,
} from "./script.js";

const OF = (body) => body.runId;
const BEGUN = [start(user("refund")), called("a"), asks("a"), paused("a")];

async function open(test, steps, options = {}) {
  const server = await ScriptedServer.open(test, ...steps);
  const chat = new Chat({ api: server.api, backoff: QUICK, ...options });
  test.after(() => chat.close());
  return { server, chat };
}

/** Makes a transport that watches a run after seq `after`. */
async function watch(test, steps, after, options = {}) {
  const server = await ScriptedServer.open(test, ...steps);
  const transport = new SSETransport({ api: server.api, backoff: QUICK, ...options });
  const collector = new Collector();
  test.after(() => transport.close());
  const watching = transport.watch("run", after, collector.reader());
  return { server, transport, collector, watching };
}

test("the seed's shape: a POST streams until it parks, a POST with the decision streams on", async (t) => {
  const { chat, server } = await open(
    t,
    [
      stream((body) => script(OF(body), BEGUN)),
      json({}, 404), // a server with one route
      stream((body) => script(OF(body), [...resolved("a"), executed("a"), said("Done."), end()], 5)),
    ],
    { agent: "support", body: () => ({ tenant: "acme" }) },
  );
  await chat.send("refund");
  await chat.settled();
  assert.deepEqual([chat.status, chat.pendingDecision.toolCallId], ["paused", "a"]);
  await until(() => server.requests.length === 2);
  assert.equal(await chat.respondWithDecision({ approved: true }), true);
  await chat.settled();
  assert.deepEqual([chat.status, chat.error, chat.messages.length], ["completed", null, 3]);
  const [
    {
      body: { messages, runId, ...rest },
      headers,
    },
    ,
    { body, headers: resumed },
  ] = server.requests;
  assert.deepEqual([rest, messages[0].content], [{ tenant: "acme", agent: "support" }, "refund"]);
  assert.deepEqual([headers.accept, headers["content-type"]], ["text/event-stream", "application/json"]);
  assert.deepEqual(body, { runId, toolCallId: "a", digest: "of a", decision: { approved: true } });
  assert.equal(resumed["last-event-id"], "4");
  assert.deepEqual(server.asked, ["POST /runs", `GET /runs/${runId}/events`, "POST /runs"]);
});

test("while the run is parked its events are watched: another client's decision closes the card", async (t) => {
  const { chat, server } = await open(t, [
    stream((body) => script(OF(body), BEGUN)),
    (response, { url }) =>
      stream(script(url.split("/")[2], [...resolved("a"), end()], 5), { then: "end" })(response, {}),
  ]);
  await chat.send("refund");
  await until(() => chat.status === "completed");
  assert.equal(server.requests[1].headers["last-event-id"], "4");
  assert.equal(chat.error, null);
});

test("a decision's response replaces the watched stream, and no event comes twice", async (t) => {
  const { chat, server } = await open(t, [
    stream((body) => script(OF(body), BEGUN)),
    stream([], { then: "hold" }),
    stream((body) => script(OF(body), [paused("a"), ...resolved("a"), end()], 4), { then: "hold" }),
  ]);
  const heard = [];
  await chat.send("refund");
  await until(() => server.requests.length === 2);
  chat.subscribe(() => heard.push(chat.status));
  await chat.respondWithDecision(true);
  await until(() => chat.status === "completed");
  assert.equal(server.requests.length, 3);
  assert.equal(chat.pending.length, 0);
});

test("a refused decision leaves the stream as it is", async (t) => {
  const errors = [{ path: "", message: "expected an object" }];
  const { chat, server } = await open(t, [
    stream((body) => script(OF(body), BEGUN)),
    stream([], { then: "hold" }),
    problem(422, "decisionInvalid", { errors }),
  ]);
  await chat.send("refund");
  await until(() => server.requests.length === 2);
  assert.equal(await chat.respondWithDecision("yes"), false);
  assert.deepEqual(
    [chat.error.type, chat.error.message, chat.error.data.errors],
    ["decisionInvalid", "refused: decisionInvalid", errors],
  );
  assert.equal(chat.pendingDecision.toolCallId, "a");
});

test("a start without an answer is sent again with the same id", async (t) => {
  const { chat, server } = await open(t, [cut(), stream((body) => script(OF(body), [start(user("Hi")), end()]))]);
  assert.equal(await chat.send("Hi"), true);
  await chat.settled();
  assert.equal(chat.status, "completed");
  assert.deepEqual(server.requests[0].body, server.requests[1].body);
});

test("a server that can't be reached is an error after some attempts, and the messages stay whole", async (t) => {
  const { chat, server } = await open(t, [cut(), cut(), cut()], { initialMessages: [user("before")] });
  assert.equal(await chat.send("Hi"), false);
  assert.deepEqual(
    [chat.error.type, chat.error.retryable, chat.messages.length, server.requests.length],
    ["connectionLost", true, 1, 3],
  );
});

test("a proxy's error for an unreachable server counts as no answer", async (t) => {
  const { chat } = await open(t, [
    (response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>"),
    stream((body) => script(OF(body), [start(user("Hi")), end()])),
  ]);
  assert.equal(await chat.send("Hi"), true);
});

for (const [status, type] of [
  [400, "invalidParams"],
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "agentNotFound"],
  [409, "runIdConflict"],
  [503, "storeUnavailable"],
]) {
  test(`a refusal of ${status} is the error that its problem document names`, async (t) => {
    const { chat, server } = await open(t, [problem(status, type, { retryable: status === 503 })]);
    assert.equal(await chat.send("Hi"), false);
    assert.deepEqual(
      [chat.error.type, chat.error.retryable, chat.messages, server.requests.length],
      [type, status === 503, [], 1],
    );
  });
}

test("a refusal without a problem document has a type made from its status", async (t) => {
  const { chat } = await open(t, [(response) => response.writeHead(418).end("short and stout")]);
  await chat.send("Hi");
  assert.equal(chat.error.type, "http418");
});

test("an answer that is no event stream is malformed", async (t) => {
  const { chat } = await open(t, [
    (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Hi</h1>"),
  ]);
  await chat.send("Hi");
  await until(() => chat.error !== null);
  assert.equal(chat.error.type, "malformed");
});

test("an event that is no JSON is malformed", async (t) => {
  const { chat } = await open(t, [
    (response) => response.writeHead(200, { "content-type": "text/event-stream" }).end("data: {\n\n"),
  ]);
  await chat.send("Hi");
  await until(() => chat.error !== null);
  assert.deepEqual([chat.error.type, chat.messages.length], ["malformed", 1]);
});

// Interruptions.

test("a stream that is cut goes on from its last event, however often", async (t) => {
  const events = script("run", [start(user("count")), ...streamed("1 ", "2 ", "3"), said("1 2 3"), end()]);
  const { server, collector, watching } = await watch(
    t,
    [
      stream(events.slice(0, 3), { then: "cut" }),
      cut(),
      stream(events.slice(1, 5), { then: "cut" }), // earlier events come again
      stream(events.slice(5), { then: "end" }),
    ],
    0,
  );
  await watching;
  assert.equal(await collector.ended, undefined);
  assert.deepEqual(collector.seqs, [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers["last-event-id"]),
    ["0", "3", "3", "5"],
  );
});

test("an event that is cut in its middle is read from the next stream", async (t) => {
  const events = script("run", [start(user("Grüße")), end()]);
  const bytes = Buffer.from(sse(events));
  const { collector } = await watch(
    t,
    [
      async (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        await new Promise((resolve) => response.write(bytes.subarray(0, bytes.indexOf("ü") + 1), resolve));
        response.destroy();
      },
      stream(events),
    ],
    0,
  );
  await collector.ended;
  assert.deepEqual([collector.seqs, collector.items[0].event.input[0].content], [[1, 2], "Grüße"]);
});

test("bytes may come one by one", async (t) => {
  const events = script("run", [start(user("Grüße 👋")), end()]);
  const { collector } = await watch(
    t,
    [
      async (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const byte of Buffer.from(sse(events)))
          await new Promise((resolve) => response.write(Buffer.of(byte), resolve));
        response.end();
      },
    ],
    0,
  );
  await collector.ended;
  assert.equal(collector.items[0].event.input[0].content, "Grüße 👋");
});

test("without a cursor a snapshot comes first; in parts, it survives a cut in between", async (t) => {
  const part = (from, next, count) => ({
    runId: "run",
    seq: 9,
    from,
    ...(next && { next }),
    snapshot: { status: "running", messages: Array(count).fill(user("Hi")), pending: [], tools: [] },
  });
  const say =
    (...values) =>
    async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      await new Promise((resolve) =>
        response.write(values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join(""), resolve),
      );
      response.destroy();
    };
  const { server, collector } = await watch(
    t,
    [say(part(0, 2, 2)), say(part(0, 2, 2), part(2, 0, 1)), stream(script("run", [end()], 10))],
    undefined,
  );
  await collector.ended;
  assert.deepEqual(
    collector.items.map((item) => item.snapshot?.messages.length ?? item.event.type),
    [3, "agent_end"],
  );
  assert.deepEqual(
    server.requests.map(({ headers }) => headers["last-event-id"]),
    [undefined, undefined, "9"],
  );
});

test("a snapshot interrupted before its first message starts again", async (t) => {
  const snapshot = { status: "completed", messages: [], pending: [{ toolCallId: "a", kind: "decision" }], tools: [] };
  const { collector } = await watch(
    t,
    [
      stream([{ runId: "run", seq: 9, next: 0, snapshot }], { then: "cut" }),
      stream([{ runId: "run", seq: 9, snapshot }]),
    ],
    undefined,
  );
  await collector.ended;
  assert.equal(collector.items[0].snapshot.pending.length, 1);
});

test("204 ends the reading", async (t) => {
  const { collector } = await watch(t, [json({}, 204)], 9);
  assert.equal(await collector.ended, undefined);
});

test("a snapshot of a run that is over is its end", async (t) => {
  const snapshot = { status: "completed", messages: [], pending: [], tools: [] };
  const { collector } = await watch(t, [stream([{ runId: "run", seq: 9, snapshot }], { then: "hold" })], undefined);
  assert.equal(await collector.ended, undefined);
});

test("a deleted run ends the reading with the server's error", async (t) => {
  const { collector } = await watch(
    t,
    [stream(script("run", [start()]), { then: "cut" }), problem(404, "runNotFound")],
    0,
  );
  assert.equal((await collector.ended).type, "runNotFound");
});

test("a retryable refusal is retried", async (t) => {
  const heard = [];
  const { collector } = await watch(
    t,
    [
      stream(script("run", [start()]), { then: "cut" }),
      problem(503, "storeUnavailable"),
      problem(429, "limitExceeded"),
      stream(script("run", [end()], 2)),
    ],
    0,
    { onConnection: (error) => heard.push(error?.type ?? null) },
  );
  await collector.ended;
  assert.deepEqual(heard, ["connectionLost", "storeUnavailable", "limitExceeded", null]);
});

test("a silent stream counts as broken", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { collector } = await watch(
    t,
    [stream(script("run", [start()]), { then: "hold" }), stream(script("run", [end()], 2))],
    0,
    { quietMs: 60_000 },
  );
  await until(() => collector.items.length === 1);
  t.mock.timers.tick(60_000);
  t.mock.timers.reset();
  await collector.ended;
  assert.deepEqual(collector.seqs, [1, 2]);
});

test("a reader that stops gets nothing more, and its request is aborted", async (t) => {
  const gone = later();
  const { collector, server } = await watch(
    t,
    [
      (response) => (
        response.on("close", gone.resolve),
        stream(script("run", [start()]), { then: "hold" })(response, {})
      ),
    ],
    0,
  );
  await until(() => collector.items.length === 1);
  collector.stop();
  await gone.promise;
  await new Promise(setImmediate);
  assert.equal(server.requests.length, 1);
});

test("requests that answer with JSON go below the run's own address", async (t) => {
  const { transport, server } = await watch(
    t,
    [
      stream([], { then: "hold" }),
      json({ claimToken: "token" }),
      json({ seq: 5 }),
      json({ seq: 6 }),
      json({ seq: 7 }),
      json({ seq: 8, status: "aborted" }),
    ],
    0,
  );
  const runId = "run";
  assert.deepEqual(await transport.claim({ runId, toolCallId: "c", claimant: "me" }), { claimToken: "token" });
  await transport.unclaim({ runId, toolCallId: "c", claimToken: "token" });
  await transport.result({ runId, toolCallId: "c", claimToken: "token", result: 1 });
  await transport.decline({ runId, reason: "no" });
  assert.equal((await transport.abort({ runId })).seq, 8);
  assert.deepEqual(
    server.asked.slice(1),
    ["claim", "unclaim", "result", "decline", "abort"].map((word) => `POST /runs/run/${word}`),
  );
  assert.deepEqual(server.requests[4].body, { reason: "no" });
});

test("a decision on a run that isn't read here asks for no stream", async (t) => {
  const server = await ScriptedServer.open(t, json({ seq: 5 }, 202));
  const transport = new SSETransport({ api: server.api });
  assert.deepEqual(await transport.resume({ runId: "run", decision: true }), { seq: 5 });
  assert.equal(server.requests[0].headers.accept, "application/json");
});

test("a custom fetch can add headers", async (t) => {
  const own = (url, request) => fetch(url, { ...request, headers: { ...request.headers, authorization: "Bearer me" } });
  const { chat, server } = await open(t, [stream((body) => script(OF(body), [start(), end()]))], { fetch: own });
  await chat.send("Hi");
  assert.equal(server.requests[0].headers.authorization, "Bearer me");
});

// Several servers.

/** Starts two servers with a script each; returns them, and the option `api` for both. */
async function pair(test, first, second) {
  const servers = [await ScriptedServer.open(test, ...first), await ScriptedServer.open(test, ...second)];
  return { servers, api: servers.map((server) => server.api) };
}

async function watchBoth(test, first, second, options = {}) {
  const { servers, api } = await pair(test, first, second);
  const transport = new SSETransport({ api, backoff: { firstMs: 100, maximumMs: 1000, attempts: 2 }, ...options });
  const collector = new Collector();
  test.after(() => transport.close());
  return { servers, transport, collector, watching: transport.watch("run", 0, collector.reader()) };
}

/** Shortens all waits to a millisecond; returns the list of the waits between attempts. */
function shortened(test) {
  const waits = [];
  const { setTimeout } = globalThis;
  test.mock.method(Math, "random", () => 1);
  test.mock.method(globalThis, "setTimeout", (task, ms, ...more) => {
    const isWait = ms >= 100 && ms <= 1000; // longer ones bound the silence of a server
    if (isWait) waits.push(ms);
    return setTimeout(task, isWait ? 1 : ms, ...more);
  });
  return waits;
}

test("of several servers a stream goes on at the next one when it is lost, without a wait", async (t) => {
  const waits = shortened(t);
  const { servers, collector } = await watchBoth(
    t,
    [stream(script("run", [start()]), { then: "cut" })],
    [stream(script("run", [end()], 2))],
  );
  assert.equal(await collector.ended, undefined);
  assert.deepEqual([collector.seqs, waits], [[1, 2], []]);
  assert.equal(servers[1].requests[0].headers["last-event-id"], "1");
});

test("when no server answers a request, a round is one attempt, and the client waits between rounds", async (t) => {
  const waits = shortened(t);
  const { servers, watching } = await watchBoth(t, [cut(), cut()], [cut(), cut()]);
  await assert.rejects(watching, { type: "connectionLost" });
  assert.deepEqual([servers.map(({ asked }) => asked.length), waits], [[2, 2], [100]]);
});

test("a decision goes to the next server if the first one stops", async (t) => {
  const { servers, api } = await pair(
    t,
    [problem(503, "shuttingDown", { retryable: true })],
    [json({ seq: 5 }, 202), json({ seq: 6 })],
  );
  const transport = new SSETransport({ api, backoff: QUICK });
  assert.deepEqual(await transport.resume({ runId: "run", decision: true }), { seq: 5 });
  assert.deepEqual(await transport.decline({ runId: "run" }), { seq: 6 }); // the client stays there
  assert.deepEqual(servers.map(({ asked }) => asked), [["POST /runs"], ["POST /runs", "POST /runs/run/decline"]]);
});

test("two streams that one server loses both go on at the next, and none goes back", async (t) => {
  const { servers, api } = await pair(
    t,
    [stream(script("a", [start()]), { then: "hold" }), stream(script("b", [start()]), { then: "hold" })],
    [stream(script("a", [end()], 2)), stream(script("b", [end()], 2))],
  );
  const transport = new SSETransport({ api, backoff: QUICK });
  const collectors = [new Collector(), new Collector()];
  for (const [at, runId] of ["a", "b"].entries()) await transport.watch(runId, 0, collectors[at].reader());
  await until(() => collectors.every(({ items }) => items.length === 1));
  servers[0].drop();
  for (const { ended } of collectors) assert.equal(await ended, undefined);
  assert.deepEqual(servers.map(({ asked }) => asked.length), [2, 2]);
});

test("a chat takes a list of servers over HTTP too", async (t) => {
  const { api } = await pair(t, [cut()], [stream((body) => script(OF(body), [start(user("Hi")), end()]))]);
  const chat = new Chat({ api, backoff: QUICK });
  assert.equal(await chat.send("Hi"), true);
  await chat.settled();
  assert.equal(chat.status, "completed");
});

test("an empty list of servers is refused", () => {
  assert.throws(() => new SSETransport({ api: [] }), /api: expected at least one/);
});

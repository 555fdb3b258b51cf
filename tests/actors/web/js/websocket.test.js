/** The WebSocket transport, with a socket whose other end the test holds. */

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";

import { WebSocketTransport } from "../../../../actors/web/js/index.js";
import { Collector, end, QUICK, said, script, start, until, user } from "./script.js";

const opened = [];
afterEach(() => opened.splice(0).forEach((transport) => transport.close()));

/** Dialled sockets, newest last; `auto` opens them at once. */
function wire({ auto = true, url = "ws://shop.test/ws", ...options } = {}) {
  const sockets = [];
  class FakeSocket {
    sent = [];
    isClosed = false;

    constructor(url, protocols) {
      Object.assign(this, { url: String(url), protocols });
      sockets.push(this);
      if (auto) queueMicrotask(() => this.onopen());
    }

    send(frame) {
      this.sent.push(JSON.parse(frame));
    }

    close() {
      this.isClosed = true;
    }

    say(...messages) {
      this.onmessage({ data: JSON.stringify(messages.length === 1 ? messages[0] : messages) });
    }

    drop(code = 1006, reason = "") {
      this.onclose({ code, reason });
    }

    /** Returns the latest request of a method. */
    asked(method) {
      return this.sent.findLast((frame) => frame.method === method);
    }

    answer(method, result) {
      this.say({ jsonrpc: "2.0", id: this.asked(method).id, result });
    }

    refuse(method, type, code = 1001, data = {}) {
      this.say({
        jsonrpc: "2.0",
        id: this.asked(method).id,
        error: { code, message: `no: ${type}`, data: { type, ...data } },
      });
    }
  }
  const transport = new WebSocketTransport(url, { WebSocket: FakeSocket, backoff: QUICK, ...options });
  opened.push(transport);
  return {
    transport,
    sockets,
    latest: () => sockets.at(-1),
    dialled: (count) => until(() => sockets.at(-1)?.onopen && sockets.length === count),
  };
}

const events = (envelopes) => envelopes.map((params) => ({ jsonrpc: "2.0", method: "run.event", params }));

/** Makes a transport that started the run `run`, and collects what it reports. */
async function started(options) {
  const dialled = wire(options);
  const collector = new Collector();
  const begun = dialled.transport.start({ runId: "run", agent: "support", input: "Hi" }, collector.reader());
  await until(() => dialled.latest()?.asked("run.start"));
  dialled.latest().answer("run.start", { runId: "run", seq: 0 });
  await begun;
  return { ...dialled, collector };
}

test("it uses the gateway's subprotocol, takes batches, and sends the token as a subprotocol", async () => {
  const { transport, latest } = wire({ token: "grün" });
  transport.abort({ runId: "run" }).catch(() => {});
  assert.equal(latest().url, "ws://shop.test/ws?batch=1");
  assert.deepEqual(latest().protocols, ["adjourn.v1+json", "adjourn.token.Z3LDvG4"]);
});

test("without a WebSocket, as in Node 20, a request says what to use", async (t) => {
  const { WebSocket } = globalThis;
  t.after(() => Object.assign(globalThis, { WebSocket }));
  globalThis.WebSocket = undefined;
  await assert.rejects(new WebSocketTransport("ws://127.0.0.1:1").abort({ runId: "run" }), /Node 22 or newer/);
});

test("a start is read from its first event on, also where they come in batches", async () => {
  const { collector, latest } = await started();
  latest().say(...events(script("run", [start(user("Hi")), said("Hello")])));
  latest().say(events(script("run", [end()], 3))[0]);
  assert.equal(await collector.ended, undefined);
  assert.deepEqual(collector.seqs, [1, 2, 3]);
});

test("a refusal is the error that it names", async () => {
  const { transport, latest } = wire();
  const decided = transport.resume({ runId: "run", decision: 1 });
  await until(() => latest().sent.length === 1);
  latest().refuse("run.resume", "decisionInvalid", 1003, { errors: [{ path: "", message: "expected text" }] });
  await assert.rejects(decided, {
    type: "decisionInvalid",
    data: { errors: [{ path: "", message: "expected text" }] },
  });
});

test("after a lost connection each reader goes on from its cursor", async () => {
  const heard = [];
  const { collector, latest, dialled } = await started({ onConnection: (error) => heard.push(error?.type ?? null) });
  latest().say(...events(script("run", [start(user("Hi")), said("Hello")])));
  latest().drop();
  await dialled(2);
  await until(() => latest().sent.length === 1);
  assert.deepEqual(latest().sent[0].params, { runId: "run", after: 2 });
  latest().answer("run.subscribe", { runId: "run", status: "running", seq: 3 });
  latest().say(...events(script("run", [said("Hello"), end()], 2)));
  assert.equal(await collector.ended, undefined);
  assert.deepEqual(
    [collector.seqs, heard],
    [
      [1, 2, 3],
      [null, "connectionLost", null],
    ],
  );
});

test("a run that ended meanwhile, with nothing left to come, ends its reader", async () => {
  const { transport, latest } = wire();
  const collector = new Collector();
  const watching = transport.watch("run", 9, collector.reader());
  await until(() => latest().sent.length === 1);
  latest().answer("run.subscribe", { runId: "run", status: "completed", seq: 9 });
  await watching;
  assert.equal(await collector.ended, undefined);
});

test("a snapshot interrupted before its first message starts again", async () => {
  const { transport, latest, dialled } = wire();
  const collector = new Collector();
  const watching = transport.watch("run", undefined, collector.reader());
  await until(() => latest()?.sent.length === 1);
  latest().answer("run.subscribe", { runId: "run", status: "paused", seq: 9 });
  await watching;
  const snapshot = { status: "paused", messages: [], pending: [{ toolCallId: "a" }], tools: [] };
  const part = (more) => ({
    jsonrpc: "2.0",
    method: "run.snapshot",
    params: { runId: "run", seq: 9, snapshot, ...more },
  });
  latest().say(part({ next: 0 }));
  latest().drop();
  await dialled(2);
  latest().say(part({}));
  assert.equal(collector.items[0].snapshot.pending.length, 1);
});

test("a request whose reply was lost is sent again over the next connection", async () => {
  const { transport, latest, dialled } = wire();
  const decided = transport.resume({ runId: "run", toolCallId: "a", decision: true });
  await until(() => latest().sent.length === 1);
  const [first] = latest().sent;
  latest().drop();
  await dialled(2);
  await until(() => latest().sent.length === 1);
  assert.deepEqual(latest().sent[0], first);
  latest().answer("run.resume", { runId: "run", toolCallId: "a", seq: 7 });
  assert.equal((await decided).seq, 7);
});

test("a request fails when several connections broke before its reply; a reader waits on", async () => {
  const { collector, transport, latest, dialled } = await started({ backoff: { ...QUICK, attempts: 2 } });
  const decided = transport.resume({ runId: "run", decision: true });
  latest().drop();
  await dialled(2);
  latest().drop();
  await assert.rejects(decided, { type: "connectionLost", retryable: true });
  await dialled(3);
  await until(() => latest().sent.length === 1);
  assert.equal(latest().asked("run.subscribe").params.after, 0);
  collector.stop();
});

test("a repeated start sends no extra subscribe", async () => {
  const { transport, latest, dialled } = wire();
  const collector = new Collector();
  const begun = transport.start({ runId: "run", input: "Hi" }, collector.reader());
  await until(() => latest().sent.length === 1);
  latest().drop();
  await dialled(2);
  await until(() => latest().sent.length > 0);
  assert.deepEqual(
    latest().sent.map(({ method }) => method),
    ["run.start"],
  );
  latest().answer("run.start", { runId: "run", seq: 0 });
  await begun;
});

test("a server that refuses at once is dialled less and less often", async (t) => {
  const waits = [];
  const { transport, latest, dialled } = wire({ backoff: { firstMs: 100, maximumMs: 400, attempts: 9 } });
  t.mock.method(Math, "random", () => 1);
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (task, ms) => (waits.push(ms), setTimeout(task, 1)));
  transport.abort({ runId: "run" }).catch(() => {});
  for (let count = 1; count <= 4; count += 1) {
    await dialled(count);
    await until(() => latest().sent.length === 1);
    latest().say({ jsonrpc: "2.0", id: null, error: { code: 1012, message: "full", data: { type: "limitExceeded" } } });
    latest().drop(1013);
  }
  assert.deepEqual(waits, [100, 200, 400, 400]);
});

const PAIR = ["ws://one.test/", "ws://two.test/"];
const hosts = (sockets) => sockets.map(({ url }) => new URL(url).host);

test("of several servers the next one is used when the connection is lost, without a wait", async (t) => {
  const { transport, sockets, latest, dialled } = wire({ url: PAIR });
  const waits = [];
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (task, ms) => (waits.push(ms), setTimeout(task, 1)));
  const decided = transport.resume({ runId: "run", decision: true });
  for (const count of [1, 2, 3]) {
    await until(() => sockets.length === count && latest().sent.length === 1);
    latest().say({ jsonrpc: "2.0", method: "run.changed", params: {} });
    if (count < 3) latest().drop();
  }
  await dialled(3);
  latest().answer("run.resume", { runId: "run", toolCallId: "a", seq: 7 });
  assert.equal((await decided).seq, 7);
  assert.deepEqual(hosts(sockets), ["one.test", "two.test", "one.test"]);
  assert.deepEqual(waits.filter((ms) => ms >= 1), []);
});

test("when no server answers it waits after each round, and a round is one attempt of a request", async (t) => {
  const backoff = { firstMs: 100, maximumMs: 1000, attempts: 2 };
  const { transport, sockets } = wire({ auto: false, url: PAIR, backoff });
  t.mock.method(Math, "random", () => 1);
  const waits = [];
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (task, ms) => (waits.push(ms), setTimeout(task, 1)));
  const decided = transport.resume({ runId: "run", decision: true });
  const failed = assert.rejects(decided, { type: "connectionLost" });
  for (const count of [1, 2, 3, 4]) {
    await until(() => sockets.length === count);
    sockets.at(-1).drop();
  }
  await failed;
  assert.deepEqual(hosts(sockets), ["one.test", "two.test", "one.test", "two.test"]);
  assert.deepEqual(waits.filter((ms) => ms === 0 || ms >= 100), [0, 100, 0]);
});

test("servers that are named later are used when the connection is lost", async () => {
  const { transport, sockets, latest, dialled } = wire({ url: "ws://one.test/" });
  transport.resume({ runId: "run", decision: true }).catch(() => {});
  await dialled(1);
  transport.useServers(["ws://two.test/", "ws://one.test/"]);
  assert.equal(transport.url, "ws://one.test/");
  latest().drop();
  await dialled(2);
  assert.deepEqual([hosts(sockets), transport.url], [["one.test", "two.test"], "ws://two.test/"]);
});

test("a server that neither opens nor refuses the connection is given up", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { transport, sockets } = wire({ auto: false, url: PAIR, quietMs: 1000 });
  transport.abort({ runId: "run" }).catch(() => {});
  t.mock.timers.tick(1000);
  assert.equal(sockets[0].isClosed, true);
  t.mock.timers.reset();
  await until(() => sockets.length === 2);
  assert.deepEqual(hosts(sockets), ["one.test", "two.test"]);
});

test("an empty list of servers is refused", () => {
  assert.throws(() => wire({ url: [] }), /url: expected at least one/);
});

test("an unknown token is final, with the server's words", async () => {
  const { transport, latest, sockets } = wire({ auto: false });
  const asked = transport.abort({ runId: "run" });
  latest().say({
    jsonrpc: "2.0",
    id: null,
    error: { code: 1010, message: "expected a token", data: { type: "unauthorized" } },
  });
  latest().drop(4401, "…");
  await assert.rejects(asked, { type: "unauthorized", message: "expected a token" });
  assert.equal(sockets.length, 1);
});

test("a too large frame fails its request, and others go on", async () => {
  const { transport, latest, dialled } = wire();
  const large = transport.result({ runId: "run", toolCallId: "c", claimToken: "t", result: "x".repeat(1000) });
  const small = transport.abort({ runId: "other" });
  await until(() => latest().sent.length === 2);
  latest().drop(1009);
  await assert.rejects(large, { type: "limitExceeded" });
  await dialled(2);
  await until(() => latest().sent.length === 1);
  latest().answer("run.abort", { seq: 3 });
  assert.equal((await small).seq, 3);
});

test("a malformed message ends everything, without a retry", async () => {
  const { collector, latest, sockets } = await started();
  latest().onmessage({ data: "<html>" });
  assert.equal((await collector.ended).type, "malformed");
  assert.deepEqual([latest().isClosed, sockets.length], [true, 1]);
});

test("a subscription that the server ends ends its reader", async () => {
  const { collector, latest } = await started();
  const error = { code: 1012, message: "too big", data: { type: "limitExceeded" } };
  latest().say({ jsonrpc: "2.0", method: "run.unsubscribed", params: { runId: "run", error } });
  assert.equal((await collector.ended).type, "limitExceeded");
});

test("after a reconnect a deleted run ends its reader, and a retryable error is retried", async () => {
  const { collector, latest, dialled } = await started();
  latest().drop();
  await dialled(2);
  await until(() => latest().sent.length === 1);
  latest().refuse("run.subscribe", "storeUnavailable", 1101, { retryable: true });
  await until(() => latest().sent.length === 2);
  latest().refuse("run.subscribe", "runNotFound");
  assert.equal((await collector.ended).type, "runNotFound");
});

test("two readers of a run share a subscription from the slower one's cursor", async () => {
  const { transport, latest, collector } = await started();
  latest().say(...events(script("run", [start(user("Hi")), said("Hello")])));
  const other = new Collector();
  void transport.watch("run", 1, other.reader());
  assert.equal(latest().asked("run.subscribe").params.after, 1);
  latest().answer("run.subscribe", { runId: "run", status: "running", seq: 2 });
  latest().say(...events(script("run", [said("Hello"), end()], 2)));
  assert.deepEqual(
    [collector.seqs, other.seqs],
    [
      [1, 2, 3],
      [2, 3],
    ],
  );
});

test("when the last reader stops, it unsubscribes", async () => {
  const { collector, latest } = await started();
  collector.stop();
  assert.deepEqual(latest().sent.at(-1), { jsonrpc: "2.0", method: "run.unsubscribe", params: { runId: "run" } });
  latest().say(events(script("run", [start()]))[0]);
  assert.deepEqual(collector.items, []);
});

test("a silent server is pinged, and given up", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { latest, sockets } = await started({ quietMs: 1000 });
  t.mock.timers.tick(1000);
  assert.equal(latest().sent.at(-1).method, "server.info");
  latest().answer("server.info", {});
  t.mock.timers.tick(1000);
  t.mock.timers.tick(1000);
  assert.equal(sockets[0].isClosed, true);
  t.mock.timers.reset();
  await until(() => sockets.length === 2);
});

test("close ends readers without a call, fails requests, and a later request dials anew", async () => {
  const { collector, transport, latest, sockets } = await started();
  const asked = transport.abort({ runId: "run" });
  transport.close();
  await assert.rejects(asked, { type: "connectionLost" });
  assert.deepEqual([latest().isClosed, collector.items], [true, []]);
  transport.abort({ runId: "run" }).catch(() => {});
  assert.equal(sockets.length, 2);
});

// The list of runs.

/** Follows the list of runs; `told` has the calls. */
function follower(filter = {}) {
  const [stop, told] = [new AbortController(), []];
  return {
    filter,
    told,
    stop: () => stop.abort(),
    signal: stop.signal,
    begin: () => told.push("begin"),
    change: ({ runId }) => told.push(runId),
    lost: ({ type }) => told.push(type),
    end: ({ type }) => told.push(`end: ${type}`),
  };
}
const changed = (runId) => ({ jsonrpc: "2.0", method: "run.changed", params: { runId } });
const watched = (socket) => socket.sent.filter(({ method }) => method === "runs.watch").map(({ params }) => params);

test("a follower of the list gets changes from the answer on, and again after each reconnect", async () => {
  const { transport, latest, dialled } = wire();
  const one = follower({ waiting: true });
  transport.follow(one);
  await until(() => latest()?.sent.length === 1);
  assert.deepEqual([watched(latest()), one.told], [[{ waiting: true }], []]);
  latest().answer("runs.watch", {});
  latest().say(changed("a"), changed("b"));
  await until(() => one.told.includes("begin"));
  latest().drop();
  await dialled(2);
  await until(() => latest().sent.length === 1);
  latest().answer("runs.watch", {});
  await until(() => one.told.length === 5);
  assert.deepEqual(one.told.toSorted(), ["a", "b", "begin", "begin", "connectionLost"]);
});

test("followers share one watch with the filter that fits all", async () => {
  const { transport, latest } = wire();
  const [one, same, other] = [
    follower({ agent: "a", waiting: true }),
    follower({ agent: "a", waiting: true }),
    follower({ agent: "a" }),
  ];
  transport.follow(one);
  await until(() => latest()?.sent.length === 1);
  latest().answer("runs.watch", {});
  transport.follow(same);
  await until(() => same.told.length === 1);
  transport.follow(other);
  await until(() => watched(latest()).length === 2);
  latest().answer("runs.watch", {});
  await until(() => other.told.length === 1);
  assert.deepEqual(watched(latest()), [{ agent: "a", waiting: true }, { agent: "a" }]);
  assert.deepEqual([one.told, same.told, other.told], [["begin", "begin"], ["begin", "begin"], ["begin"]]);
  one.stop();
  latest().say(changed("x"));
  assert.deepEqual([one.told.length, other.told], [2, ["begin", "x"]]);
});

test("a watch that the server ends, or can't start yet, is requested again; a refusal ends it", async () => {
  const { transport, latest } = wire();
  const one = follower();
  transport.follow(one);
  await until(() => latest()?.sent.length === 1);
  latest().answer("runs.watch", {});
  await until(() => one.told.length === 1);
  latest().say({ jsonrpc: "2.0", method: "runs.unwatched", params: { error: { code: 1012, message: "too many" } } });
  await until(() => watched(latest()).length === 2);
  latest().refuse("runs.watch", "storeUnavailable", 1101, { retryable: true });
  await until(() => watched(latest()).length === 3);
  latest().refuse("runs.watch", "forbidden");
  await until(() => one.told.length === 2);
  assert.deepEqual(one.told, ["begin", "end: forbidden"]);
});

test("an unknown token ends followers of the list too, and close is silent", async () => {
  const { transport, latest } = wire({ auto: false });
  const [one, other] = [follower(), follower()];
  transport.follow(one);
  latest().drop(4401);
  transport.follow(other);
  transport.close();
  assert.deepEqual([one.told, other.told], [["end: unauthorized"], []]);
});

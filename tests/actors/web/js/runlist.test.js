/** The live list of runs, over a transport with scripted pages and changes. */

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";

import { AdjournError, RunList } from "../../../../actors/web/js/index.js";
import { QUICK, until } from "./script.js";

const opened = [];
afterEach(() => opened.splice(0).forEach((list) => list.close()));

/** Returns a run created at `at`. */
const run = (runId, at, more = {}) => ({
  runId,
  agent: "support",
  status: "running",
  createdAt: at,
  updatedAt: at,
  seq: at,
  pending: 0,
  stranded: false,
  ...more,
});
const waits = (runId, at, since, more = {}) =>
  run(runId, at, { status: "paused", pending: 1, waitingSince: since, ...more });
const later = (known, more) => ({ ...known, seq: known.seq + 1, updatedAt: known.updatedAt + 1, ...more });

/** Returns a list and its server's end: `requests` has the requests for pages, each answered by `page` or `refuse`. */
function listed(options = {}) {
  const requests = [];
  const transport = {
    list: (params) => new Promise((resolve, reject) => requests.push({ params, resolve, reject })),
    follow: (follower) => void (transport.follower = follower),
    close: () => void (transport.isClosed = true),
  };
  const list = new RunList({ transport, limit: 2, backoff: QUICK, ...options });
  opened.push(list);
  const page = async (runs, after) => {
    await until(() => requests.length > 0);
    requests.shift().resolve({ runs, ...(after && { after }) });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { list, requests, page, transport, ids: () => list.state.runs.map(({ runId }) => runId) };
}

/** Returns a connected list with its first page. */
async function begun(runs, { after, ...options } = {}) {
  const far = listed(options);
  far.transport.follower.begin();
  await far.page(runs, after);
  return { ...far, change: far.transport.follower.change };
}

test("it lists once it follows, with its filter, and tells whether it is connected", async () => {
  const { list, requests, page, transport, ids } = listed({ filter: { agent: "support" } });
  assert.deepEqual([list.state, requests.length], [{ runs: [], hasMore: false, error: null, isConnected: false }, 0]);
  transport.follower.begin();
  assert.deepEqual(requests[0].params, { agent: "support", limit: 2 });
  await page([run("b", 2), run("a", 1)], "cursor");
  assert.deepEqual([ids(), list.state.hasMore, list.state.isConnected], [["b", "a"], true, true]);
});

test("a run that changes, begins or is deleted is so in the list, newest first", async () => {
  const { change, ids, list } = await begun([run("b", 2), run("a", 1)]);
  change(run("c", 3));
  change(later(run("a", 1), { status: "completed" }));
  assert.deepEqual([ids(), list.state.runs[2].status], [["c", "b", "a"], "completed"]);
  change(later(run("b", 2), { deleted: true }));
  assert.deepEqual(ids(), ["c", "a"]);
});

test("changes during the reading of pages win over the pages", async () => {
  const { transport, page, ids, list } = listed();
  const { begin, change } = transport.follower;
  begin();
  change(run("new", 9));
  change(later(run("a", 1), { status: "completed" }));
  change(later(run("gone", 2), { deleted: true }));
  await page([run("gone", 2), run("a", 1)]);
  assert.deepEqual([ids(), list.state.runs[1].status], [["new", "a"], "completed"]);
});

test("an older change is ignored", async () => {
  const { change, list } = await begun([later(run("a", 1), { status: "completed" })]);
  const { state } = list;
  change(run("a", 1));
  assert.equal(list.state, state);
});

test("a run that no longer fits the filter, or never did, is not listed", async () => {
  const { change, ids, list } = await begun([run("a", 1)], { filter: { status: "running", agent: "support" } });
  const { state } = list;
  change(run("other", 2, { agent: "billing" }));
  change(run("ended", 3, { status: "completed" }));
  assert.equal(list.state, state);
  change(later(run("a", 1), { status: "completed" }));
  assert.deepEqual(ids(), []);
});

test("with the filter waiting, all runs are listed, the longest wait first", async () => {
  const { transport, page, ids } = listed({ filter: { waiting: true } });
  const { begin, change } = transport.follower;
  begin();
  await page([waits("c", 3, 30), waits("b", 2, 40)], "cursor");
  await page([waits("a", 1, 35)]);
  assert.deepEqual(ids(), ["c", "a", "b"]);
  change(waits("d", 4, 10));
  change(later(waits("a", 1, 35), { status: "running", waitingSince: undefined }));
  assert.deepEqual(ids(), ["d", "c", "b"]);
});

test("more lists another page, and changes behind the last page wait for it", async () => {
  const { list, change, page, ids, requests } = await begun([run("d", 4), run("c", 3)], { after: "cursor" });
  change(later(run("a", 1)));
  assert.deepEqual(ids(), ["d", "c"]);
  const came = list.more();
  void list.more();
  assert.deepEqual(
    requests.map(({ params }) => params),
    [{ limit: 2, after: "cursor" }],
  );
  change(later(run("b", 2), { status: "completed" }));
  await page([run("b", 2), run("a", 1)]);
  await came;
  assert.deepEqual([ids(), list.state.runs[2].status, list.state.hasMore], [["d", "c", "b", "a"], "completed", false]);
});

test("after a reconnect as many runs are listed anew, and those that did not change are the same objects", async () => {
  const { list, transport, page, ids } = await begun([run("b", 2), run("a", 1)]);
  const [kept] = list.state.runs;
  transport.follower.lost(new AdjournError("connectionLost", "gone"));
  assert.deepEqual([ids(), list.state.isConnected, list.state.error.type], [["b", "a"], false, "connectionLost"]);
  transport.follower.begin();
  await page([run("c", 3), run("b", 2)]);
  assert.deepEqual([ids(), list.state.isConnected, list.state.error], [["c", "b"], true, null]);
  assert.equal(list.state.runs[1], kept);
});

test("pages requested before a reconnect are ignored", async () => {
  const { transport, requests, page, ids } = listed();
  transport.follower.begin();
  transport.follower.begin();
  requests.shift().resolve({ runs: [run("old", 1)] });
  await page([run("new", 2)]);
  assert.deepEqual(ids(), ["new"]);
});

test("a retryable refusal is retried, another one is shown", async () => {
  const { list, transport, requests } = listed();
  transport.follower.begin();
  requests.shift().reject(new AdjournError("storeUnavailable", "soon", { retryable: true }));
  await until(() => requests.length === 1);
  assert.equal(list.state.error.type, "storeUnavailable");
  requests.shift().reject(new AdjournError("forbidden", "no"));
  await until(() => list.state.error.type === "forbidden");
});

test("listeners are called once a frame at most, and not after close", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { list, change, transport } = await begun([]);
  let calls = 0;
  list.subscribe(() => (calls += 1));
  t.mock.timers.tick(16);
  for (let at = 1; at <= 100; at += 1) change(run(`run${at}`, at));
  assert.equal(calls, 1);
  t.mock.timers.tick(16);
  assert.deepEqual([calls, list.state.runs.length], [2, 100]);
  change(run("last", 101));
  list.close();
  t.mock.timers.tick(16);
  assert.deepEqual([calls, transport.follower.signal.aborted, transport.isClosed], [2, true, undefined]);
});

test("a full list drops its oldest run, and says that there are more", async () => {
  const runs = Array.from({ length: 2000 }, (_, index) => run(`run${index}`, 3000 - index));
  const { list, change, ids, requests } = await begun(runs, { limit: 1000 });
  assert.equal(list.state.hasMore, false);
  change(run("newest", 9000));
  assert.deepEqual([ids().length, ids()[0], ids().at(-1), list.state.hasMore], [2000, "newest", "run1998", true]);
  change(later(runs[1999]));
  assert.equal(ids().at(-1), "run1998");
  change(later(runs[0], { deleted: true }));
  void list.more();
  assert.deepEqual(requests[0].params, { limit: 1000 });
});

test("reading stops after a number of empty pages", async () => {
  const { transport, page, requests, list } = listed();
  transport.follower.begin();
  for (let count = 1; count <= 50; count += 1) await page([], `cursor${count}`);
  assert.deepEqual([requests.length, list.state.hasMore], [0, true]);
});

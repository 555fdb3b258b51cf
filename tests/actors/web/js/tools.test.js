/** Client-side calls: executed by one client, once, and always answered. */

import assert from "node:assert/strict";
import test from "node:test";

import { Chat } from "../../../../actors/web/js/index.js";
import {
  called,
  end,
  later,
  offered,
  paused,
  QUICK,
  refusal,
  ScriptedTransport,
  start,
  until,
  user,
} from "./script.js";

const CLAIMED = { type: "tool_client_claimed", toolCallId: "c" };
let runs = 0;

/** Returns a chat whose run offers the call `c` of the tool `locate`; `more` events follow. */
async function offering({ execute, idempotent, on = {}, more = [], options = {} }) {
  const transport = new ScriptedTransport({
    claim: () => ({ claimToken: "token" }),
    start: () => ({ runId: `run-${++runs}` }),
    ...on,
  });
  const heard = [];
  const chat = new Chat({
    transport,
    claimant: "claimant",
    backoff: QUICK,
    onError: (error) => heard.push(error.type),
    ...options,
  });
  chat.tool("locate", execute, { idempotent });
  await chat.send("Where am I?");
  transport.say([start(user("Where am I?")), called("c", "locate"), offered("c"), paused("c"), ...more]);
  return { chat, transport, heard };
}

test("an offered call is claimed, executed and answered", async () => {
  const given = [];
  const { chat, transport } = await offering({
    execute: (input, context) => (given.push(input, context), { lat: 52 }),
  });
  await until(() => transport.asked("result").length === 1);
  assert.deepEqual(transport.asked("claim"), [{ runId: chat.runId, toolCallId: "c", claimant: "claimant" }]);
  assert.deepEqual(transport.asked("result"), [
    { runId: chat.runId, toolCallId: "c", claimToken: "token", result: { lat: 52 } },
  ]);
  assert.deepEqual([given[0], given[1].toolCallId, given[1].runId], [{ n: 7 }, "c", chat.runId]);
});

test("a call that another client has claimed is not executed here", async () => {
  let executions = 0;
  const on = { claim: () => Promise.reject(refusal("claimTaken")) };
  const { transport, heard } = await offering({ execute: () => void (executions += 1), on });
  transport.say([CLAIMED], 5);
  await new Promise(setImmediate);
  assert.deepEqual([transport.asked("claim").length, executions, heard], [1, 0, []]);
  transport.say([offered("c", "locate", 2)], 6); // the other client released it
  await new Promise(setImmediate);
  assert.equal(transport.asked("claim").length, 2);
});

test("an error of the function goes to the model", async () => {
  const { transport, chat } = await offering({
    execute: () => {
      throw new Error("no GPS here");
    },
  });
  await until(() => transport.asked("result").length === 1);
  assert.deepEqual(transport.asked("result")[0], {
    runId: chat.runId,
    toolCallId: "c",
    claimToken: "token",
    result: "no GPS here",
    isError: true,
  });
});

test("a function without a result answers null", async () => {
  const { transport } = await offering({ execute: async () => {} });
  await until(() => transport.asked("result").length === 1);
  assert.equal(transport.asked("result")[0].result, null);
});

test("when the run is over, the signal fires and nothing is reported", async () => {
  const done = later();
  let context;
  const { transport, heard } = await offering({ execute: (_, given) => ((context = given), done.promise) });
  await until(() => context !== undefined);
  transport.say([end("aborted")], 5);
  assert.equal(context.signal.aborted, true);
  done.resolve("too late");
  await new Promise(setImmediate);
  assert.deepEqual([transport.asked("result"), heard], [[], []]);
});

test("a claim and a result are sent again while the server can't take them", async () => {
  const failures = { claim: 1, result: 2 };
  const flaky = (method, value) => () =>
    failures[method]-- > 0 ? Promise.reject(refusal("storeUnavailable", { retryable: true })) : value;
  const on = { claim: flaky("claim", { claimToken: "token" }), result: flaky("result", {}) };
  let executions = 0;
  const { transport, heard } = await offering({ execute: () => (executions += 1), on });
  await until(() => transport.asked("result").length === 3);
  assert.deepEqual([transport.asked("claim").length, executions, heard], [2, 1, []]);
});

test("a result that the server doesn't take is reported as an error, so that the run goes on", async () => {
  const on = { result: ({ isError }) => !isError && Promise.reject(refusal("limitExceeded")) };
  const { transport } = await offering({ execute: () => "x".repeat(10), on });
  await until(() => transport.asked("result").length === 2);
  assert.deepEqual(transport.asked("result")[1].isError, true);
});

test("after a reload a claimed call that may have taken effect is answered as interrupted", async () => {
  let executions = 0;
  const { transport } = await offering({ execute: () => (executions += 1), more: [CLAIMED] });
  await until(() => transport.asked("result").length === 1);
  const [{ result, isError }] = transport.asked("result");
  assert.deepEqual([executions, isError], [0, true]);
  assert.match(result, /may have taken effect/);
});

test("after a reload an idempotent call is executed again", async () => {
  const { transport } = await offering({ execute: () => "here", idempotent: true, more: [CLAIMED] });
  await until(() => transport.asked("result").length === 1);
  assert.equal(transport.asked("result")[0].result, "here");
});

test("two chats of one page on the same run execute a call once", async () => {
  const done = later();
  let executions = 0;
  const execute = () => ((executions += 1), done.promise);
  const on = { start: () => ({ runId: "shared" }) };
  const one = await offering({ execute, on });
  const other = await offering({ execute, on });
  done.resolve("here");
  await until(() => one.transport.asked("result").length === 1);
  await new Promise(setImmediate);
  assert.deepEqual([executions, other.transport.asked("claim")], [1, []]);
});

test("a closed chat executes nothing more, and handles its call again when it follows", async () => {
  const contexts = [];
  const on = { watch: () => {} };
  const { chat, transport } = await offering({
    execute: (_, context) => (contexts.push(context), later().promise),
    idempotent: true,
    on,
  });
  await until(() => contexts.length === 1);
  chat.close();
  assert.equal(contexts[0].signal.aborted, true);
  await chat.follow();
  await until(() => contexts.length === 2);
  assert.equal(transport.asked("claim").length, 2);
});

test("a call whose tool nobody has here waits, visibly, until there is one", async () => {
  const transport = new ScriptedTransport({ claim: () => ({ claimToken: "token" }) });
  const chat = new Chat({ transport });
  await chat.send("Where am I?");
  transport.say([start(user("Where am I?")), called("c", "locate"), offered("c"), paused("c")]);
  assert.deepEqual(
    chat.pending.map(({ kind, toolName }) => [kind, toolName]),
    [["client", "locate"]],
  );
  assert.deepEqual([chat.pendingDecisions, transport.asked("claim")], [[], []]);
  const remove = chat.tool("locate", () => "here");
  await until(() => transport.asked("result").length === 1);
  remove();
  transport.say([offered("d")], 5);
  assert.equal(transport.asked("claim").length, 1);
});

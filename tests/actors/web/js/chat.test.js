/** The conversation: its state, its requests and its callbacks, over a scripted transport. */

import assert from "node:assert/strict";
import test from "node:test";

import { Chat } from "../../../../actors/web/js/index.js";
import {
  asks,
  called,
  end,
  executed,
  later,
  paused,
  refusal,
  resolved,
  said,
  ScriptedTransport,
  script,
  start,
  streamed,
  text,
  until,
  user,
} from "./script.js";

function open(options = {}, on = {}) {
  const transport = new ScriptedTransport(on);
  return { transport, chat: new Chat({ agent: "support", transport, ...options }) };
}

const words = (messages) =>
  messages.map(({ role, content }) => [role, typeof content === "string" ? content : content[0]?.text]);

/** Returns a chat whose run waits for these decisions. */
async function parked(ids = ["a"], options = {}, on = {}) {
  const opened = open(options, on);
  await opened.chat.send("refund");
  opened.transport.say([start(user("refund")), called(ids[0]), ...ids.map((id) => asks(id)), paused(...ids)]);
  return opened;
}

test("any client's decision is announced once, with who made it", async () => {
  const heard = [];
  const { transport } = await parked(["a"], { onDecisionResolved: (resolution) => heard.push(resolution) });
  const resolution = { type: "tool_decision_resolved", toolCallId: "a", outcome: "declined", by: "ann", reason: "no" };
  transport.say([resolution, { type: "agent_resume", reason: "declined" }], 10);
  transport.say([executed("a")], 12);
  assert.deepEqual(heard, [resolution]);
});

test("the state has the run itself: its agent, its usage, how it ended", async () => {
  const { chat, transport } = open();
  assert.equal(chat.run, null);
  await chat.send("Hello");
  transport.say([start(user("Hello")), said("Hi"), end("completed", { reason: "stop" })]);
  const { agent, status, reason, usage } = chat.run;
  assert.deepEqual([agent, status, reason, usage.totalTokens], ["support", "completed", "stop", 0]);
});

// Sending.

test("a message begins a run, is shown at once, and its answer as it comes", async () => {
  const { chat, transport } = open({ metadata: { page: 1 }, limits: { maxTurns: 3 } });
  assert.equal(chat.status, "idle");
  const sent = chat.send("Hello");
  assert.deepEqual([chat.status, chat.isStreaming, words(chat.messages)], ["running", true, [["user", "Hello"]]]);
  assert.equal(await sent, true);
  const [{ runId, input, ...rest }] = transport.asked("start");
  assert.match(runId, /^[0-9a-f]{32}$/);
  const asked = { agent: "support", metadata: { page: 1 }, limits: { maxTurns: 3 } };
  assert.deepEqual([rest, words(input)], [asked, [["user", "Hello"]]]);
  assert.equal(chat.runId, runId);

  transport.say([start(user("Hello")), ...streamed("Hi", " there")]);
  assert.equal(chat.streamingMessage.content[0].text, "Hi there");
  assert.equal(chat.messages.length, 1);
  transport.say([said("Hi there!"), end()], 6);
  assert.deepEqual(words(chat.messages), [
    ["user", "Hello"],
    ["assistant", "Hi there!"],
  ]);
  assert.deepEqual([chat.status, chat.isStreaming, chat.streamingMessage], ["completed", false, null]);
});

test("a page loaded over plain HTTP, which lacks randomUUID, can send too", async (t) => {
  t.mock.method(crypto, "randomUUID", () => assert.fail("there is none"));
  const { chat } = open();
  assert.equal(await chat.send("Hello"), true);
});

test("the next message goes on from the run before, and nothing is sent again", async () => {
  const { chat, transport } = open();
  await chat.send("one");
  transport.say([start(user("one")), said("1"), end()]);
  transport.reader.end();
  const first = chat.runId;
  await chat.send("two");
  const { after, input } = transport.asked("start")[1];
  assert.deepEqual([after, words(input)], [first, [["user", "two"]]]);
  assert.deepEqual(words(chat.messages), [
    ["user", "one"],
    ["assistant", "1"],
    ["user", "two"],
  ]);
});

for (const type of ["runNotFound", "forbidden"]) {
  test(`if the run before is ${type}, all of the conversation is sent`, async () => {
    const { chat, transport } = open({}, { start: ({ after }) => after && Promise.reject(refusal(type)) });
    await chat.send("one");
    transport.say([start(user("one")), said("1"), end()]);
    assert.equal(await chat.send("two"), true);
    const { after, input } = transport.asked("start")[2];
    assert.deepEqual([after, input.length], [undefined, 3]);
  });
}

test("messages with images go out as they are", async () => {
  const { chat, transport } = open();
  const image = { type: "image", data: "aGk=", mimeType: "image/png" };
  await chat.send({ role: "user", content: [text("What is this?"), image] });
  const [
    {
      input: [{ content, timestamp }],
    },
  ] = transport.asked("start");
  assert.deepEqual(content, [text("What is this?"), image]);
  assert.equal(typeof timestamp, "number");
});

test("a start that is refused leaves the conversation as it was, and says why", async () => {
  const heard = [];
  const on = { start: () => Promise.reject(refusal("agentNotFound")) };
  const { chat } = open({ initialMessages: [user("before")], onError: (error) => heard.push(error.type) }, on);
  assert.equal(await chat.send("Hello"), false);
  assert.deepEqual([chat.error.type, heard, chat.status], ["agentNotFound", ["agentNotFound"], "idle"]);
  assert.deepEqual(words(chat.messages), [["user", "before"]]);
});

test("nothing is sent while a run is under way", async () => {
  const { chat, transport } = await parked();
  assert.equal(await chat.send("and another"), false);
  assert.equal(chat.error.type, "busy");
  assert.equal(await chat.setMessages([]), false);
  assert.equal(transport.asked("start").length, 1);
});

test("the next action clears the error", async () => {
  let isDown = true;
  const { chat } = open({}, { start: () => isDown && Promise.reject(refusal("storeUnavailable")) });
  await chat.send("Hello");
  isDown = false;
  await chat.send("Hello");
  assert.equal(chat.error, null);
});

test("setMessages replaces the conversation, and the next run doesn't go on from the one before", async () => {
  const { chat, transport } = open();
  await chat.send("one");
  transport.say([start(user("one")), said("1"), end()]);
  await chat.setMessages([user("other")]);
  assert.deepEqual([words(chat.messages), chat.status], [[["user", "other"]], "idle"]);
  await chat.send("two");
  const { after, input } = transport.asked("start")[1];
  assert.deepEqual(
    [after, words(input)],
    [
      undefined,
      [
        ["user", "other"],
        ["user", "two"],
      ],
    ],
  );
});

test("the server's run id replaces the client's", async () => {
  const { chat, transport } = open({}, { start: () => ({ runId: "theirs" }) });
  await chat.send("Hello");
  assert.equal(chat.runId, "theirs");
  transport.reader.items(script("theirs", [start(user("Hello")), called("a"), asks("a"), paused("a")]));
  await chat.respondWithDecision(true);
  assert.equal(transport.asked("resume")[0].runId, "theirs");
});

// Decisions.

test("a decision names its call and the digest of what was shown", async () => {
  const { chat, transport } = await parked();
  assert.equal(chat.status, "paused");
  assert.equal(chat.pendingDecision.toolName, "refund");
  assert.equal(await chat.respondWithDecision({ approved: true }), true);
  const runId = chat.runId;
  assert.deepEqual(transport.asked("resume"), [
    { runId, toolCallId: "a", digest: "of a", decision: { approved: true } },
  ]);
  transport.say([...resolved("a"), executed("a"), said("Done."), end()], 5);
  assert.deepEqual([chat.pendingDecision, chat.status], [null, "completed"]);
});

test("edited arguments go with the decision", async () => {
  const { chat, transport } = await parked();
  await chat.respondWithDecision(true, { arguments: { n: 8 } });
  assert.deepEqual(transport.asked("resume")[0].arguments, { n: 8 });
});

test("if several calls wait, one must be named", async () => {
  const { chat, transport } = await parked(["a", "b"]);
  assert.deepEqual(
    chat.pendingDecisions.map(({ toolCallId }) => toolCallId),
    ["a", "b"],
  );
  assert.equal(await chat.respondWithDecision(true), false);
  assert.deepEqual([chat.error.type, chat.error.data.open], ["toolCallIdRequired", ["a", "b"]]);
  assert.equal(await chat.respondWithDecision(true, { toolCallId: "b" }), true);
  assert.equal(await chat.decline({ toolCallId: "a", reason: "no" }), true);
  assert.equal(transport.asked("resume")[0].toolCallId, "b");
  assert.deepEqual(transport.asked("decline"), [{ runId: chat.runId, toolCallId: "a", reason: "no" }]);
});

test("a call that doesn't wait is not decided", async () => {
  const { chat, transport } = await parked();
  assert.equal(await chat.respondWithDecision(true, { toolCallId: "b" }), false);
  assert.equal(chat.error.type, "notPending");
  assert.equal(transport.asked("resume").length, 0);
});

test("an invalid decision is refused with paths, and the call still waits", async () => {
  const errors = [{ path: "/approved", message: "expected a boolean" }];
  const { chat } = await parked(["a"], {}, { resume: () => Promise.reject(refusal("decisionInvalid", { errors })) });
  assert.equal(await chat.respondWithDecision({ approved: "yes" }), false);
  assert.deepEqual([chat.error.type, chat.error.data.errors], ["decisionInvalid", errors]);
  assert.equal(chat.pendingDecision.toolCallId, "a");
});

test("another client's decision closes the card", async () => {
  const { chat, transport } = await parked();
  transport.say(resolved("a"), 5);
  assert.deepEqual([chat.pendingDecisions, chat.status], [[], "running"]);
});

test("settled waits for the pause after the decision, not for the one before it", async () => {
  const { chat, transport } = await parked(["a", "b"], {}, { resume: () => ({ seq: 7 }) });
  await chat.settled();
  await chat.respondWithDecision(true, { toolCallId: "a" });
  let isSettled = false;
  const settled = chat.settled().then(() => (isSettled = true));
  transport.say(resolved("a").slice(0, 1), 6);
  await null;
  assert.equal(isSettled, false);
  transport.say([{ type: "agent_resume", reason: "decided" }, executed("a"), paused("b")], 7);
  await settled;
  assert.equal(chat.pendingDecision.toolCallId, "b");
});

test("without a seq of the decision, settled waits until its call no longer waits", async () => {
  const { chat, transport } = await parked();
  await chat.respondWithDecision(true);
  let isSettled = false;
  const settled = chat.settled().then(() => (isSettled = true));
  await new Promise(setImmediate);
  assert.equal(isSettled, false);
  transport.say([...resolved("a"), executed("a"), said("Done."), end()], 5);
  await settled;
});

// Aborting.

test("an abort reaches the server, and resolves when the last event has come", async () => {
  const { chat, transport } = open();
  await chat.send("count");
  transport.say([start(user("count")), ...streamed("1 2")]);
  const aborted = chat.abort("enough");
  await null;
  assert.deepEqual(transport.asked("abort"), [{ runId: chat.runId, reason: "enough" }]);
  transport.say([said("1 2"), end("aborted")], 5);
  transport.reader.end();
  assert.equal(await aborted, true);
  assert.deepEqual([chat.status, words(chat.messages).at(-1)], ["aborted", ["assistant", "1 2"]]);
});

test("an abort while the start is under way waits for it", async () => {
  const begun = later();
  const { chat, transport } = open({}, { start: () => begun.promise });
  void chat.send("count");
  const aborted = chat.abort();
  assert.equal(transport.asked("abort").length, 0);
  begun.resolve();
  await new Promise(setImmediate);
  assert.equal(transport.asked("abort").length, 1);
  transport.say([start(user("count")), end("aborted")]);
  transport.reader.end();
  assert.equal(await aborted, true);
});

test("an abort of a run that isn't read reads its end", async () => {
  const { chat, transport } = await parked();
  transport.reader.end(refusal("limitExceeded"));
  const aborted = chat.abort();
  await until(() => transport.asked("watch").length === 1);
  transport.say([end("aborted")], 5);
  transport.reader.end();
  assert.deepEqual([await aborted, chat.status], [true, "aborted"]);
});

test("without a run, an abort does nothing", async () => {
  const { chat, transport } = open();
  assert.equal(await chat.abort(), true);
  assert.equal(transport.requests.length, 0);
});

// Continuing a run.

const snapshot = (more = {}) => ({
  agent: "support",
  status: "paused",
  turn: 1,
  messages: [user("refund")],
  tools: [],
  pending: [{ toolCallId: "a", toolName: "refund", input: {}, kind: "decision", schema: {}, digest: "of a" }],
  ...more,
});

test("attach makes a run's messages the conversation, and announces its decisions", async () => {
  const heard = [];
  const { chat, transport } = open({
    onMessage: () => heard.push("message"),
    onDecisionPending: ({ toolCallId }) => heard.push(toolCallId),
  });
  await chat.attach("run");
  assert.deepEqual(transport.asked("watch"), [{ runId: "run", after: undefined }]);
  transport.reader.items([{ runId: "run", seq: 9, snapshot: snapshot() }]);
  assert.deepEqual([chat.runId, chat.status, chat.messages.length, heard], ["run", "paused", 1, ["a"]]);
  assert.equal(await chat.respondWithDecision(true), true);
});

test("if a run can't be attached to, the chat stays as it was and reads on what it read", async () => {
  const { chat, transport } = await parked(
    ["a"],
    {},
    { watch: ({ runId }) => runId === "gone" && Promise.reject(refusal("runNotFound")) },
  );
  const { runId } = chat;
  assert.equal(await chat.attach("gone"), false);
  assert.deepEqual([chat.runId, chat.error.type, chat.pendingDecision.toolCallId], [runId, "runNotFound", "a"]);
  assert.deepEqual(transport.asked("watch").at(-1), { runId, after: 4 });
  transport.say(resolved("a"), 5);
  assert.equal(chat.pendingDecision, null);
});

test("initialMessages are shown before anything is sent", () => {
  const { chat, transport } = open({ initialMessages: [user("before")] });
  assert.deepEqual([words(chat.messages), chat.status, transport.requests.length], [[["user", "before"]], "idle", 0]);
});

test("an initialRun shows its decision at once, and follow goes on from there", async () => {
  const heard = [];
  const initialRun = { runId: "run", seq: 9, snapshot: snapshot() };
  const { chat, transport } = open({ initialRun, onDecisionPending: ({ toolCallId }) => heard.push(toolCallId) });
  assert.deepEqual([chat.runId, chat.status, chat.pendingDecision.toolCallId], ["run", "paused", "a"]);
  assert.equal(await chat.follow(), true);
  assert.deepEqual([transport.asked("watch"), heard], [[{ runId: "run", after: 9 }], ["a"]]);
});

test("an initialRun that is only the first page of a long one is shown, and the whole fetched", async () => {
  const initialRun = { runId: "run", seq: 9, next: 1, snapshot: snapshot({ pending: [] }) };
  const { chat, transport } = open({ initialRun });
  assert.deepEqual(words(chat.messages), [["user", "refund"]]);
  await chat.follow();
  assert.deepEqual(transport.asked("watch"), [{ runId: "run", after: undefined }]);
});

test("a runId shows initialMessages until the run has come", async () => {
  const { chat, transport } = open({ runId: "run", initialMessages: [user("cached")] });
  assert.deepEqual(words(chat.messages), [["user", "cached"]]);
  await chat.follow();
  transport.reader.items([{ runId: "run", seq: 9, snapshot: snapshot({ messages: [user("refund"), user("now")] }) }]);
  assert.deepEqual(words(chat.messages), [
    ["user", "refund"],
    ["user", "now"],
  ]);
});

test("a deleted run leaves its messages as history", async () => {
  const { chat, transport } = await parked();
  transport.reader.end(refusal("runNotFound"));
  assert.deepEqual([chat.status, chat.runId, chat.error.type, chat.messages.length], ["idle", null, "runNotFound", 2]);
  assert.equal(await chat.send("again"), true);
});

test("a reader's error is shown, and follow reads on from the same position", async () => {
  const { chat, transport } = await parked();
  transport.reader.end(refusal("limitExceeded"));
  assert.deepEqual([chat.status, chat.error.type], ["paused", "limitExceeded"]);
  await chat.follow();
  assert.deepEqual(transport.asked("watch"), [{ runId: chat.runId, after: 4 }]);
  assert.equal(chat.error, null);
});

test("after close nothing changes any more, and follow goes on", async () => {
  const { chat, transport } = await parked();
  const { reader } = transport;
  chat.close();
  assert.equal(reader.signal.aborted, true);
  assert.equal(transport.isClosed, false); // the chat doesn't own it
  await chat.follow();
  assert.deepEqual(transport.asked("watch"), [{ runId: chat.runId, after: 4 }]);
});

test("an action interrupted by close sets no error", async () => {
  const heard = [];
  const answered = later();
  const { chat } = await parked(["a"], { onError: (error) => heard.push(error) }, { resume: () => answered.promise });
  const decided = chat.respondWithDecision(true);
  chat.close();
  answered.reject(refusal("connectionLost"));
  assert.equal(await decided, false);
  assert.deepEqual([chat.error, heard], [null, []]);
});

// Callbacks.

test("callbacks come once each, in the order of the events, when the chat has changed", async () => {
  const heard = [];
  const { chat, transport } = open({
    onMessage: (message) =>
      heard.push(["message", message.content[0].text ?? message.content[0].name, chat.messages.length]),
    onDecisionPending: (call) => heard.push(["decision", call.toolCallId, chat.pendingDecision.toolCallId]),
    onToolCall: (call) => heard.push(["tool", call.toolCallId, call.args]),
    onFinish: (run) => heard.push(["finish", run.status, chat.status]),
  });
  await chat.send("refund");
  transport.say([start(user("refund")), called("a"), asks("a"), paused("a")]);
  transport.say(
    [...resolved("a"), { type: "tool_execution_start", toolCallId: "a", toolName: "refund", args: { n: 7 } }],
    5,
  );
  transport.reader.items([{ runId: chat.runId, seq: 8, snapshot: snapshot() }]);
  transport.say([said("Done."), end()], 9);
  assert.deepEqual(heard, [
    ["message", "refund", 2],
    ["decision", "a", "a"],
    ["tool", "a", { n: 7 }],
    ["message", "Done.", 2],
    ["finish", "completed", "completed"],
  ]);
});

test("onMessage is not called for history that the server adds", async () => {
  const heard = [];
  const { chat, transport } = open({ onMessage: (message) => heard.push(message.content[0].text) });
  await chat.send("Hello");
  transport.say([start(user("closes what was left open"), user("Hello")), said("Hi"), end()]);
  assert.deepEqual(heard, ["Hi"]);
});

test("a failed run is an error with the server's words", async () => {
  const heard = [];
  const { chat, transport } = open({
    onError: (error) => heard.push(error.type),
    onFinish: () => heard.push("finish"),
  });
  await chat.send("Hello");
  transport.say([
    start(user("Hello")),
    end("failed", { error: { type: "modelError", message: "overloaded", kind: "transient" } }),
  ]);
  assert.deepEqual(
    [chat.error.type, chat.error.message, chat.error.data.kind],
    ["modelError", "overloaded", "transient"],
  );
  assert.deepEqual(heard, ["modelError", "finish"]);
  assert.equal(chat.messages.length, 1);
});

test("an event that can't be folded is malformed, and the messages stay complete", async () => {
  const { chat, transport } = open();
  await chat.send("Hello");
  transport.say([start(user("Hello")), said("Hi"), { type: "message_end" }]);
  assert.equal(chat.error.type, "malformed");
  assert.equal(chat.messages.length, 2);
  assert.equal(transport.reader.signal.aborted, true);
});

test("a callback may leave the run: nothing more of it is folded", async () => {
  const { chat, transport } = open({ onDecisionPending: () => chat.close() });
  await chat.send("refund");
  transport.say([start(user("refund")), called("a"), asks("a"), said("too late")]);
  assert.equal(chat.messages.length, 2);
});

test("an error of a listener surfaces in the program, and stops nothing else", async (t) => {
  const raised = [];
  t.mock.method(globalThis, "queueMicrotask", (task) => raised.push(task));
  const { chat, transport } = open();
  const heard = [];
  chat.subscribe(() => {
    throw new Error("a bug");
  });
  chat.subscribe(() => heard.push(chat.status));
  await chat.send("Hello");
  transport.say([start(user("Hello")), end()]);
  assert.throws(raised[0], { message: "a bug" });
  assert.equal(heard.at(-1), "completed");
});

test("the state is the same object until something changes, so that stores can compare", async () => {
  const { chat, transport } = open();
  const { state } = chat;
  assert.equal(chat.state, state);
  await chat.send("Hello");
  assert.notEqual(chat.state, state);
  const { messages } = chat.state;
  transport.say([{ type: "turn_start", turn: 1 }]);
  assert.equal(chat.state.messages, messages);
});

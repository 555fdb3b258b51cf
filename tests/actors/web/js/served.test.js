/** Real processes, over each of their transports: the WebSocket, and HTTP if `ADJOURN_HTTP` is set. */

import assert from "node:assert/strict";
import test from "node:test";
import { isDeepStrictEqual } from "node:util";

import { Chat, RunList } from "../../../../actors/web/js/index.js";
import { Server, WIRES } from "./server.js";
import { later, until } from "./script.js";

const PATIENCE_MS = 30_000;

/** Starts a demo server; returns it and a function that makes chats with it. */
async function demo(t, wire, ...args) {
  const server = await Server.open(t, ...(args.length > 0 ? args : ["demo", "--headless"]));
  const open = (options = {}) => {
    const chat = new Chat({
      agent: "support",
      backoff: { firstMs: 50, maximumMs: 200, attempts: Infinity },
      ...server.wires[wire],
      ...options,
    });
    t.after(() => chat.close());
    return chat;
  };
  return { server, open };
}

const lastWords = ({ messages }) => messages.at(-1).content[0].text;

test(`websocket: a live list shows runs as they wait, are decided and end, also past a killed server`, async (t) => {
  const { open, server } = await demo(t, "websocket");
  const lists = [{}, { waiting: true }].map((filter) => {
    const list = new RunList({ ...server.wires.websocket, filter, backoff: { firstMs: 50, maximumMs: 200 } });
    t.after(() => list.close());
    return list;
  });
  const seen = () => lists.map((list) => list.state.runs.map(({ runId, status }) => `${runId} ${status}`));
  const shows = (...wanted) => until(() => isDeepStrictEqual(seen(), wanted), PATIENCE_MS);
  const [first, second] = [open(), open()];
  for (const chat of [first, second]) await chat.send("refund order 7").then(() => chat.settled());
  const [one, other] = [first.runId, second.runId];
  await shows([`${other} paused`, `${one} paused`], [`${one} paused`, `${other} paused`]);
  await first.respondWithDecision({ approved: true });
  await shows([`${other} paused`, `${one} completed`], [`${other} paused`]);
  await server.kill();
  await until(() => lists.every((list) => !list.state.isConnected), PATIENCE_MS);
  await server.start();
  await second.decline();
  await shows([`${other} completed`, `${one} completed`], []);
});

for (const wire of WIRES) {
  test(`${wire}: streams, pauses, resumes, and goes on with the conversation`, async (t) => {
    const { open, server } = await demo(t, wire);
    const streamed = [];
    const chat = open();
    chat.subscribe(() => chat.streamingMessage && streamed.push(chat.streamingMessage.content[0]?.text?.length ?? 0));
    assert.equal(await chat.send("refund order 7"), true);
    await chat.settled();
    assert.deepEqual([chat.status, chat.pendingDecision.input], ["paused", { order_id: 7, amount: 79.5 }]);

    assert.equal(await chat.respondWithDecision({ approved: "yes" }), false);
    assert.deepEqual([chat.error.type, chat.error.data.errors[0].path], ["decisionInvalid", "/approved"]);
    assert.equal(await chat.respondWithDecision({ approved: true }), true);
    await chat.settled();
    assert.deepEqual([chat.status, lastWords(chat)], ["completed", "Refunded 79.50 for order 7."]);
    assert.match(server.read("adjourn-demo.refunds.txt"), /^order 7: .*\n$/);
    assert.ok(new Set(streamed).size > 3, "nothing was streamed");

    await chat.send("count to 3");
    await chat.settled();
    assert.deepEqual([lastWords(chat), chat.messages.length, chat.error], ["1 2 3", 6, null]);
  });

  test(`${wire}: an abort stops a stream and keeps its text`, async (t) => {
    const { open } = await demo(t, wire);
    const chat = open();
    await chat.send("count to 9999");
    await until(() => chat.streamingMessage?.content[0]?.text.includes("2"), PATIENCE_MS);
    assert.equal(await chat.abort("enough"), true);
    assert.equal(chat.status, "aborted");
    assert.match(lastWords(chat), /^1 2/);
  });

  test(`${wire}: a decision of another client closes the card, a declined call says why`, async (t) => {
    const { open } = await demo(t, wire);
    const [one, other] = [open(), open()];
    await one.send("refund orders 7 and 8");
    await one.settled();
    assert.equal(await other.attach(one.runId), true);
    await until(() => other.pendingDecisions.length === 2, PATIENCE_MS);
    const [first, second] = other.pendingDecisions;
    await other.decline({ toolCallId: second.toolCallId, reason: "not that one" });
    await until(() => one.pendingDecisions.length === 1, PATIENCE_MS);
    await one.respondWithDecision({ approved: true }, { toolCallId: first.toolCallId });
    await Promise.all([one.settled(), until(() => other.status === "completed", PATIENCE_MS)]);
    assert.match(lastWords(one), /Refunded 79\.50 for order 7\.\n.*not that one/);
    assert.deepEqual(other.messages, one.messages);
  });

  test(`${wire}: a server that is killed while the run is parked, and started again, takes the decision`, async (t) => {
    const { open, server } = await demo(t, wire);
    const chat = open();
    await chat.send("refund order 7");
    await chat.settled();
    await server.kill();
    const decided = chat.respondWithDecision({ approved: true });
    await server.start();
    assert.equal(await decided, true);
    await until(() => chat.status === "completed", PATIENCE_MS);
    assert.deepEqual([lastWords(chat), chat.error], ["Refunded 79.50 for order 7.", null]);
    assert.match(server.read("adjourn-demo.refunds.txt"), /^order 7: .*\n$/);
  });

  test(`${wire}: a server that is killed in mid-stream and started again ends with the whole text`, async (t) => {
    const { open, server } = await demo(t, wire);
    const chat = open();
    await chat.send("count to 40");
    await until(() => chat.streamingMessage?.content[0]?.text.includes("5"), PATIENCE_MS);
    await server.kill();
    await server.start();
    await until(() => chat.status === "completed", PATIENCE_MS);
    assert.equal(lastWords(chat), Array.from({ length: 40 }, (_, n) => n + 1).join(" "));
  });

  test(`${wire}: of two clients one executes a call, and the other sees it done`, async (t) => {
    const { open } = await demo(t, wire, "serve", "served_agents:agents");
    const done = later();
    const executions = [];
    const chats = ["the first of two", "the second of two"].map((claimant) => {
      const chat = open({ agent: "guide", claimant: `${claimant} claimants` });
      chat.tool("locate", (input, { runId }) => (executions.push([claimant, input, runId]), done.promise));
      return chat;
    });
    await chats[0].send("Where am I?");
    await chats[1].attach(chats[0].runId);
    await until(() => chats.every((chat) => chat.pending[0]?.claimed), PATIENCE_MS);
    done.resolve({ lat: 52 });
    await until(() => chats.every((chat) => chat.status === "completed"), PATIENCE_MS);
    assert.deepEqual([executions.length, executions[0][1]], [1, { accuracy_m: 10 }]);
    assert.match(chats[1].messages[2].content[0].text, /52/);
  });
}

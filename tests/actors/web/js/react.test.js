/** The hook with the chosen folder's React, over HTTP with a scripted server. */

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";

import { JSDOM } from "jsdom";

import { useChat } from "../../../../actors/web/js/react.js";
import {
  asks,
  called,
  cut,
  end,
  executed,
  json,
  offered,
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
  text,
  until,
  user,
} from "./script.js";

const { window } = new JSDOM("<!doctype html>", { url: "http://page.test/", pretendToBeVisual: true });
const { document, requestAnimationFrame, cancelAnimationFrame } = window;
Object.assign(globalThis, { window, document, requestAnimationFrame, cancelAnimationFrame });
const { createElement, StrictMode, useEffect } = await import("react");
const { act, cleanup, configure, renderHook, waitFor } = await import("@testing-library/react");
configure({ asyncUtilTimeout: 20_000 });

const BEGUN = [start(user("refund")), called("a"), asks("a"), paused("a")];
const begun = stream((body) => script(body.runId, BEGUN));
const watched = stream([], { then: "hold" });
const finished = stream((body) => script(body.runId, [...resolved("a"), executed("a"), said("Done."), end()], 5));
const greeted = stream((body) =>
  script(body.runId, [start(user("Hi")), ...streamed("Hel", "lo"), said("Hello"), end()]),
);

const complaints = [];
console.error = (...words) => void complaints.push(words.join(" "));

afterEach(() => {
  cleanup();
  assert.deepEqual(complaints.splice(0), []); // React reports late updates and similar faults there
});

/** Mounts the hook; `seen` has its value at each render. */
async function mounted(t, steps, options = {}, { wrapper } = {}) {
  const server = await ScriptedServer.open(t, ...steps);
  const seen = [];
  const use = (props) => {
    const value = useChat({ api: server.api, backoff: QUICK, ...props });
    seen.push(value);
    return value;
  };
  const hook = renderHook(use, { initialProps: options, wrapper });
  return { server, seen, ...hook, chat: () => hook.result.current };
}

const words = ({ messages }) =>
  messages.map(({ content }) => (typeof content === "string" ? content : content[0].text));

test("with only an api it streams, pauses and resumes", async (t) => {
  const { chat, server } = await mounted(t, [begun, watched, finished]);
  assert.deepEqual([chat().status, chat().messages, chat().isStreaming], ["idle", [], false]);
  await act(() => chat().send("refund"));
  await waitFor(() => assert.equal(chat().pendingDecision?.toolCallId, "a"));
  assert.equal(chat().status, "paused");
  await act(() => chat().respondWithDecision({ approved: true }));
  await waitFor(() => assert.equal(chat().status, "completed"));
  assert.deepEqual([words(chat()).at(-1), chat().pendingDecision, chat().error], ["Done.", null, null]);
  const { runId, decision } = server.requests[2].body;
  assert.deepEqual([runId, decision], [server.requests[0].body.runId, { approved: true }]);
});

test("messages and the body's fields are posted, those of the latest render", async (t) => {
  const { chat, server, rerender } = await mounted(t, [greeted], { body: () => ({ page: 1 }) });
  rerender({ body: () => ({ page: 2 }) });
  await act(() => chat().send("Hi"));
  const [
    {
      body: { messages, page },
    },
  ] = server.requests;
  assert.deepEqual([messages.map(({ content }) => content), page], [["Hi"], 2]);
});

test("the model's text is shown while it streams", async (t) => {
  const { chat } = await mounted(t, [
    stream((body) => script(body.runId, [start(user("Hi")), ...streamed("Hel", "lo")]), { then: "hold" }),
  ]);
  await act(() => chat().send("Hi"));
  await waitFor(() => assert.equal(chat().streamingMessage?.content[0].text, "Hello"));
  assert.deepEqual([chat().isStreaming, words(chat())], [true, ["Hi"]]);
});

test("tokens that come faster than frames cost no extra renders", async (t) => {
  const tokens = Array.from({ length: 500 }, (_, n) => `${n} `);
  const { chat, seen } = await mounted(t, [
    stream((body) => script(body.runId, [start(user("count")), ...streamed(...tokens), said(tokens.join("")), end()])),
  ]);
  await act(() => chat().send("count"));
  await waitFor(() => assert.equal(chat().status, "completed"));
  assert.ok(seen.length < 50, `${seen.length} renders`);
});

test("an abort reaches the server, and the text so far stays", async (t) => {
  let streaming;
  const { chat, server } = await mounted(t, [
    (response, request) => {
      streaming = response;
      const events = [start(user("count")), ...streamed("1 ")];
      return stream(script(request.body.runId, events), { then: "hold" })(response, request);
    },
    (response, request) => {
      streaming.write(sse(script(request.url.split("/")[2], [said("1 "), end("aborted")], 5)));
      json({ status: "aborted", seq: 6 })(response);
    },
  ]);
  await act(() => chat().send("count"));
  await waitFor(() => assert.ok(chat().streamingMessage));
  await act(() => chat().abort("enough"));
  await waitFor(() => assert.equal(chat().status, "aborted"));
  assert.match(server.asked[1], /^POST \/runs\/[\w-]+\/abort$/);
  assert.deepEqual([server.requests[1].body, words(chat())], [{ reason: "enough" }, ["count", "1 "]]);
});

test("after it is unmounted nothing is updated, and nothing more is read", async (t) => {
  let closed = false;
  const heard = [];
  const { chat, unmount, seen } = await mounted(
    t,
    [
      (response, request) => {
        response.on("close", () => (closed = true));
        return stream(script(request.body.runId, [start(user("Hi"))]), { then: "hold" })(response, request);
      },
    ],
    { onError: (error) => heard.push(error) },
  );
  await act(() => chat().send("Hi"));
  await waitFor(() => assert.equal(chat().status, "running"));
  const renders = seen.length;
  unmount();
  await until(() => closed);
  assert.deepEqual([seen.length, heard], [renders, []]);
});

test("refusals and network errors set the error and keep the messages complete", async (t) => {
  const heard = [];
  const options = { initialMessages: [user("before")], onError: ({ type }) => heard.push(type) };
  const { chat } = await mounted(t, [problem(400, "invalidParams"), cut(), cut(), cut(), greeted], options);
  for (const type of ["invalidParams", "connectionLost"]) {
    await act(() => chat().send("Hi"));
    await waitFor(() => assert.equal(chat().error?.type, type));
    assert.deepEqual([words(chat()), chat().status], [["before"], "idle"]);
  }
  await act(() => chat().send("Hi"));
  await waitFor(() => assert.equal(chat().status, "completed"));
  assert.deepEqual([chat().error, heard], [null, ["invalidParams", "connectionLost"]]);
});

test("a malformed event sets the error", async (t) => {
  const { chat } = await mounted(t, [
    (response) => response.writeHead(200, { "content-type": "text/event-stream" }).end("data: {]\n\n"),
  ]);
  await act(() => chat().send("Hi"));
  await waitFor(() => assert.equal(chat().error?.type, "malformed"));
  assert.deepEqual(words(chat()), ["Hi"]);
});

test("an invalid decision sets the error, and the card stays", async (t) => {
  const errors = [{ path: "/approved", message: "expected a boolean" }];
  const { chat } = await mounted(t, [begun, watched, problem(422, "decisionInvalid", { errors })]);
  await act(() => chat().send("refund"));
  await waitFor(() => assert.equal(chat().pendingDecision?.toolCallId, "a"));
  await act(() => chat().respondWithDecision({ approved: 1 }));
  await waitFor(() => assert.deepEqual(chat().error?.data.errors, errors));
  assert.equal(chat().pendingDecision.toolCallId, "a");
});

test("initialMessages are there at the first render", async (t) => {
  const { seen, server } = await mounted(t, [], { initialMessages: [user("before")] });
  assert.deepEqual([words(seen[0]), server.requests.length], [["before"], 0]);
});

test("an initialRun is there at the first render, with its decision, and is decided", async (t) => {
  const call = { toolCallId: "a", toolName: "refund", input: {}, kind: "decision", schema: {}, digest: "of a" };
  const snapshot = {
    agent: "support",
    status: "paused",
    turn: 1,
    messages: [user("refund")],
    pending: [call],
    tools: [],
  };
  const heard = [];
  const { seen, chat, server } = await mounted(t, [watched, finished], {
    initialRun: { runId: "run", seq: 4, snapshot },
    onDecisionPending: ({ toolCallId }) => heard.push(toolCallId),
  });
  assert.deepEqual([words(seen[0]), seen[0].pendingDecision.toolCallId], [["refund"], "a"]);
  await waitFor(() => assert.deepEqual(heard, ["a"]));
  assert.equal(server.requests[0].headers["last-event-id"], "4");
  await act(() => chat().respondWithDecision(true));
  await waitFor(() => assert.equal(chat().status, "completed"));
});

test("a component that is mounted with a runId goes on where another one was", async (t) => {
  const snapshot = { agent: "support", status: "running", turn: 1, messages: [user("Hi")], pending: [], tools: [] };
  const { chat } = await mounted(
    t,
    [stream([{ runId: "run", seq: 4, snapshot }, ...script("run", [said("Hello"), end()], 5)])],
    { runId: "run" },
  );
  await waitFor(() => assert.equal(chat().status, "completed"));
  assert.deepEqual(words(chat()), ["Hi", "Hello"]);
});

test("StrictMode's second mount changes nothing", async (t) => {
  const { chat, server } = await mounted(t, [begun, watched, finished], {}, { wrapper: StrictMode });
  assert.equal(server.requests.length, 0);
  await act(() => chat().send("refund"));
  await waitFor(() => assert.equal(chat().pendingDecision?.toolCallId, "a"));
  await act(() => chat().respondWithDecision(true));
  await waitFor(() => assert.equal(chat().status, "completed"));
  assert.deepEqual(
    server.asked.map((line) => line.split(" ")[0]),
    ["POST", "GET", "POST"],
  );
});

test("under StrictMode a runId is read once in the end", async (t) => {
  const snapshot = { agent: "support", status: "completed", turn: 1, messages: [user("Hi")], pending: [], tools: [] };
  const step = stream([{ runId: "run", seq: 4, snapshot }]);
  const { chat } = await mounted(t, [step, step], { runId: "run" }, { wrapper: StrictMode });
  await waitFor(() => assert.equal(chat().status, "completed"));
  assert.equal(chat().error, null);
});

test("actions stay the same functions from render to render", async (t) => {
  const { chat, rerender } = await mounted(t, [greeted]);
  const actions = () =>
    Object.entries(chat()).filter(([, value]) => typeof value === "function" || value === chat().chat);
  const before = actions();
  rerender({});
  await act(() => chat().send("Hi"));
  await waitFor(() => assert.equal(chat().status, "completed"));
  assert.deepEqual(
    actions().map(([, value]) => value),
    before.map(([, value]) => value),
  );
});

test("callbacks are those of the latest render", async (t) => {
  const heard = [];
  const { chat, rerender } = await mounted(t, [greeted], { onMessage: () => heard.push("old") });
  rerender({ onMessage: (message) => heard.push(message.content[0].text), onFinish: (run) => heard.push(run.status) });
  await act(() => chat().send("Hi"));
  await waitFor(() => assert.deepEqual(heard, ["Hello", "completed"]));
});

test("a client-side call is executed by a tool that an effect gives the chat", async (t) => {
  const offer = [start(user("where?")), called("c", "locate"), offered("c"), paused("c")];
  const server = await ScriptedServer.open(
    t,
    stream((body) => script(body.runId, offer)),
    ...Array.from({ length: 3 }, () => (response, request) => {
      if (request.method === "GET") return watched(response, request);
      return json(request.url.endsWith("/claim") ? { claimToken: "token" } : { seq: 5 })(response);
    }),
  );
  const { result } = renderHook(() => {
    const value = useChat({ api: server.api });
    useEffect(() => value.chat.tool("locate", () => ({ lat: 52 })), [value.chat]);
    return value;
  });
  await act(() => result.current.send("where?"));
  await until(() => server.requests.some(({ url }) => url.endsWith("/result")));
  const { body } = server.requests.find(({ url }) => url.endsWith("/result"));
  assert.deepEqual(body, { toolCallId: "c", claimToken: "token", result: { lat: 52 } });
});

/** The page's modules without DOM: addresses, texts, requests. Its looks are tested in a real browser. */

import assert from "node:assert/strict";
import test from "node:test";

import { AdjournError } from "../../../../actors/web/js/index.js";
import { factsOf } from "../../../../actors/web/page/actorbranch.js";
import { ageOf, durationOf } from "../../../../actors/web/page/age.js";
import { Markdown } from "../../../../actors/web/page/markdown.js";
import { usableNodes } from "../../../../actors/web/page/nodes.js";
import { refusalOf } from "../../../../actors/web/page/picture.js";
import { problemOf } from "../../../../actors/web/page/problem.js";
import { resolutionText } from "../../../../actors/web/page/resolution.js";
import { hashOf, routeOf } from "../../../../actors/web/page/route.js";
import { timelineOf } from "../../../../actors/web/page/timeline.js";
import { spentText } from "../../../../actors/web/page/usage.js";
import { suggestionsOf } from "../../../../actors/web/page/welcome.js";
import { until } from "./script.js";

test("an address leads back to its route", () => {
  const routes = [
    { view: "chat" },
    { view: "chat", agent: "a/b ü" },
    { view: "chat", agent: "support", runId: "r-1" },
    { view: "inbox", filter: { agent: "support", tool: "ship & pay" } },
    { view: "runs", filter: { status: "paused" } },
    { view: "run", runId: "r-1", part: "conversation" },
    { view: "run", runId: "r-1", part: "timeline" },
    { view: "actors" },
  ];
  for (const route of routes) assert.deepEqual(routeOf(hashOf(route)), route);
});

test("an unknown address leads to the chat", () => {
  for (const hash of ["", "#", "#/", "#/nowhere/at/all", "#main"]) assert.equal(routeOf(hash).view, "chat");
  assert.deepEqual(routeOf("#/chat/%zz"), { view: "chat", agent: "%zz" });
});

test("times are shown in units that fit their distance", () => {
  const told = (ms) => ageOf(1_000_000_000 + ms, 1_000_000_000);
  assert.deepEqual([-5, -59_999, -60_000, -3_600_000, -86_400_000].map(told), [
    "just now",
    "just now",
    "1 minute ago",
    "1 hour ago",
    "yesterday",
  ]);
  assert.deepEqual([30_000, 7_200_000].map(told), ["in less than a minute", "in 2 hours"]);
  assert.deepEqual([12, 1_234, 65_000, 3_660_000, 400_000_000].map(durationOf), [
    "12 ms",
    "1.2 s",
    "1 min 5 s",
    "1 h 1 min",
    "4 days",
  ]);
});

test("an actor tells of its mail, its restarts and its uptime", () => {
  const told = (node) => factsOf({ restarts: 0, ...node }, 100_000).join(" · ");
  const mailbox = { waiting: 5, capacity: 64, senders: 2 };
  assert.equal(
    told({ kind: "actor", mailbox, restarts: 1, startedAt: 38_766 }),
    "mail 7 of 64 · 1 restart · up 1 min 1 s",
  );
  assert.equal(told({ kind: "actor", mailbox: { waiting: 0, capacity: 64 }, startedAt: 97_600 }), "up 2 s");
  assert.equal(told({ kind: "run", run: { agent: "shop" } }), "shop");
  const recent = [{ name: "fetcher", at: 1, cause: "crashed" }];
  assert.equal(told({ kind: "supervisor", restartsLeft: 2, recent }), "2 restarts left");
});

test("tokens and cost are shown if there are any", () => {
  assert.equal(spentText({ tokens: 0, cost: 0 }), "");
  assert.equal(spentText({ tokens: 1204, cost: 0 }), "1,204 tokens");
  assert.equal(spentText({ tokens: 1, cost: 0.00312 }), "1 token · cost 0.0031");
  assert.equal(spentText({ tokens: 1, cost: 12.345 }), "1 token · cost 12.35");
});

test("a decision's text says who made it, and how", () => {
  const words = [
    [{ outcome: "decided", approval: true, by: "ann" }, "Approved by ann"],
    [{ outcome: "decided", isOurs: true }, "Decided by you"],
    [{ outcome: "decided", isOurs: true, by: "ann" }, "Decided by you (ann)"],
    [{ outcome: "declined", by: "bob", reason: "too much" }, "Declined by bob: too much"],
    [{ outcome: "expired" }, "Nobody decided in time, so the default was taken"],
    [{ outcome: "expired", reason: "expired" }, "Nobody decided in time"],
    [{ outcome: "aborted", reason: "shut" }, "Stopped before a decision: shut"],
  ];
  for (const [resolution, expected] of words) assert.equal(resolutionText(resolution), expected);
});

test("an error is shown as a sentence, with advice", () => {
  const told = problemOf(new AdjournError("connectionLost", "it does not answer"));
  assert.deepEqual(told, {
    what: "It does not answer.",
    advice: "The server did not answer. Check the connection, then try again.",
  });
  assert.match(problemOf(new AdjournError("neverHeardOf", "No!")).advice, /^Try again/);
});

test("an agent's description ends with example messages", () => {
  assert.deepEqual(suggestionsOf("Helps. Try: refund order 7; count to 50."), {
    about: "Helps.",
    suggestions: ["refund order 7", "count to 50"],
  });
  assert.deepEqual(suggestionsOf("Helps"), { about: "Helps", suggestions: [] });
});

test("a file that the server would refuse is refused with the reason", () => {
  const file = (type, size) => ({ name: "cat", type, size });
  assert.equal(refusalOf(file("image/png", 3_000_000), 4_000_000), null);
  assert.match(refusalOf(file("image/png", 3_000_001), 4_000_000), /^cat is too large: the server takes 3\.0 MB/);
  assert.match(refusalOf(file("image/svg+xml", 1), 4_000_000), /^cat is not an image that models read/);
});

// Requests to the server.

/** Returns a session whose `post` answers as `answer` does; `asked` has the texts of each request. */
function parser(answer = (texts) => texts.map((text) => [text])) {
  const asked = [];
  const post = async (path, { texts }) => {
    asked.push(texts);
    return { documents: answer(texts) };
  };
  return { asked, markdown: new Markdown({ post }) };
}

test("texts of one moment go in one request, within the server's limits, and are cached", async () => {
  const { asked, markdown } = parser();
  const texts = Array.from({ length: 70 }, (_, n) => `text ${n}`);
  const parsed = await Promise.all(texts.map((text) => markdown.parse(text)));
  assert.deepEqual(
    parsed,
    texts.map((text) => [text]),
  );
  assert.deepEqual(
    asked.map(({ length }) => length),
    [64, 6],
  );

  assert.deepEqual(await markdown.parse("text 3"), ["text 3"]);
  assert.deepEqual(markdown.known("text 3"), ["text 3"]);
  assert.equal(asked.length, 2);

  await Promise.all(["a", "b", "c", "d", "e"].map((letter) => markdown.parse(letter.repeat(60_000))));
  assert.deepEqual(
    asked.slice(2).map(({ length }) => length),
    [4, 1],
  );
});

test("a text that is too long, or that the server refuses, stays plain", async () => {
  const refuses = () => {
    throw new AdjournError("limitExceeded", "too much");
  };
  assert.equal(await parser().markdown.parse("ü".repeat(40_000)), null);
  assert.equal(await parser(refuses).markdown.parse("text"), null);
});

test("while the server is unreachable, the request is repeated", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const failures = [new AdjournError("connectionLost", "gone")];
  const { asked, markdown } = parser((texts) => {
    const failure = failures.shift();
    if (failure) throw failure;
    return texts.map(() => ["parsed"]);
  });
  const parsed = markdown.parse("text");
  await until(() => asked.length === 1);
  await new Promise((resolve) => setImmediate(resolve));
  context.mock.timers.tick(3_000);
  assert.deepEqual(await parsed, ["parsed"]);
});

test("a timeline is read page by page", async () => {
  const pages = { 2: { entries: ["c", "d"], next: 4 }, 4: { entries: ["e"] } };
  const get = async (path) => pages[/^runs\/r%2F1\/timeline\?from=(\d+)$/.exec(path)[1]];
  assert.deepEqual(await timelineOf({ get }, "r/1", 2), ["c", "d", "e"]);
});

test("other nodes at loopback addresses are used only where the page reaches its server directly", () => {
  const [own, nodes] = ["http://127.0.0.1:8766", ["http://127.0.0.1:8776", "https://two.test/agents"]];
  const [near, far] = ["http://127.0.0.1:8776/", "https://two.test/agents/"];
  assert.deepEqual(usableNodes("http://localhost:8766/", own, nodes), [near, far]);
  for (const other of ["http://localhost:9000/", "https://runs.test/", "http://192.0.2.1:8766/"])
    assert.deepEqual(usableNodes(other, own, nodes), [far], other);
});

test("a page that came by https uses no node by http", () => {
  assert.deepEqual(usableNodes("https://one.test/", "https://one.test", ["http://two.test"]), []);
});

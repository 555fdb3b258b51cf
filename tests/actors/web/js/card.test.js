/** A decision card in a transcript: when it can be decided, what is sent, and how it closes. */

import assert from "node:assert/strict";
import test from "node:test";

import "./dom.js";

import { Chat } from "../../../../actors/web/js/index.js";
import { Conversation } from "../../../../actors/web/page/conversation.js";
import { Scene } from "../../../../actors/web/page/scene.js";
import {
  asks,
  assistant,
  call,
  end,
  executed,
  paused,
  refusal,
  resolved,
  said,
  ScriptedTransport,
  start,
  until,
  user,
} from "./script.js";

/** One function for each card: reports everything that the card observes as in sight. */
const inSight = [];
globalThis.IntersectionObserver = class {
  #targets = [];
  constructor(callback) {
    inSight.push(() => callback(this.#targets.map((target) => ({ target, isIntersecting: true }))));
  }
  observe(target) {
    this.#targets.push(target);
  }
  disconnect() {}
};

const APPROVAL = { approval: true, schema: { type: "object" } };
const called = (...ids) => ({
  type: "message_end",
  message: assistant(...ids.map((id) => call(id, "refund", { n: 7 }))),
});

/** Returns a conversation whose run waits for these decisions. */
async function waiting(ids = ["a"], on = {}) {
  inSight.length = 0;
  const transport = new ScriptedTransport(on);
  const chat = new Chat({
    agent: "support",
    transport,
    onDecisionResolved: (resolution) => scene.resolved(resolution),
  });
  const scene = new Scene(chat, { known: (text) => [text] }); // every text is already parsed
  const conversation = new Conversation(scene, "support");
  const show = () => conversation.show(chat.state);
  document.body.replaceChildren(conversation.element);
  chat.subscribe(show);
  scene.onChange = show;
  await chat.send("refund");
  transport.say([
    start(user("refund")),
    called(...ids),
    ...ids.map((id) => ({ ...asks(id), ...APPROVAL })),
    paused(...ids),
  ]);
  const cards = () => [...conversation.element.querySelectorAll(".card")];
  return { transport, cards, element: conversation.element, scene, show };
}

const button = (card, name) => [...card.querySelectorAll("button")].find(({ textContent }) => textContent === name);

test("a call can be approved only after its arguments were in sight to their end", async () => {
  const { cards, transport } = await waiting();
  const [card] = cards();
  assert.equal(button(card, "Approve").disabled, true);
  inSight[0]();
  assert.equal(button(card, "Approve").disabled, false);
  button(card, "Approve").click();
  await until(() => transport.asked("resume").length === 1);
  const [{ toolCallId, decision, digest }] = transport.asked("resume");
  assert.deepEqual([toolCallId, decision, digest], ["a", { approved: true }, "of a"]);
});

test("Enter in a field of a card decides nothing", async () => {
  const { cards, transport } = await waiting();
  inSight[0]();
  cards()[0].querySelector("form").requestSubmit();
  await new Promise(setImmediate);
  assert.deepEqual(transport.asked("resume"), []);
});

test("each card closes when its call is decided, and says by whom", async () => {
  const { cards, transport, element } = await waiting(["a", "b"]);
  assert.equal(cards().length, 2);
  const [decided, resumed] = resolved("a");
  transport.say([{ ...decided, by: "ann", decision: { approved: true } }, resumed, executed("a")], 10);
  assert.deepEqual(
    cards().map((card) => card.getAttribute("aria-labelledby")),
    ["title-b"],
  );
  assert.match(element.querySelector('[data-call="a"]').textContent, /Approved by ann/);
});

test("a decision made here is shown as ours", async () => {
  const { cards, transport, element } = await waiting();
  button(cards()[0], "Decline").click();
  await until(() => transport.asked("decline").length === 1);
  transport.say([{ type: "tool_decision_resolved", toolCallId: "a", outcome: "declined", by: "ann" }], 10);
  await until(() => element.textContent.includes("Declined by you (ann)"));
});

test("a refusal of the server is shown in its card, which stays", async () => {
  const errors = [{ path: "", message: "not today" }];
  const resume = () => Promise.reject(refusal("decisionInvalid", { errors }));
  const { cards } = await waiting(["a"], { resume });
  inSight[0]();
  button(cards()[0], "Approve").click();
  await until(() => /Refused: decisionInvalid/.test(cards()[0].textContent));
  assert.match(cards()[0].textContent, /not today/);
  assert.equal(button(cards()[0], "Approve").getAttribute("aria-disabled"), "false");
});

test("a decision that becomes known later is shown in its old turn", async () => {
  const { transport, element, scene, show } = await waiting();
  const result = { role: "toolResult", toolCallId: "a", toolName: "refund", content: [], isError: false, timestamp: 0 };
  transport.say(
    [executed("a"), { type: "turn_end", message: assistant(), toolResults: [result] }, said("Done."), end()],
    10,
  );
  assert.match(element.textContent, /Done\./);
  scene.resolved({ toolCallId: "a", outcome: "decided", decision: { approved: true }, by: "bob" });
  show();
  assert.match(element.textContent, /Approved by bob/);
});

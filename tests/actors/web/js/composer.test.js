/** The form for a message: when it sends, and what it keeps. */

import assert from "node:assert/strict";
import test from "node:test";

import { enter } from "./dom.js";

import { Composer } from "../../../../actors/web/page/composer.js";
import { later, until } from "./script.js";

globalThis.CSS = { supports: () => true };

/** Returns a composer that sends to `sent`, and gets the answers of `answers`, by default true. */
function composer(answers = []) {
  const sent = [];
  const send = (content) => {
    sent.push(content);
    return answers.shift() ?? Promise.resolve(true);
  };
  const made = new Composer({ send, stop: () => {}, limits: async () => ({}) });
  document.body.replaceChildren(made.element);
  const text = made.element.querySelector("#message");
  const submit = () => made.element.requestSubmit();
  const hint = () => made.element.querySelector("#composer-hint").textContent;
  return { made, sent, text, submit, hint };
}

test("a message leaves the form at once, and comes back if it could not be sent", async () => {
  const answer = later();
  const { sent, text, submit } = composer([answer.promise]);
  enter(text, " Hello ");
  submit();
  assert.deepEqual([sent, text.value], [["Hello"], ""]);
  answer.resolve(false);
  await until(() => text.value === "Hello");
});

test("a message that could not be sent doesn't overwrite a newer one", async () => {
  const answer = later();
  const { text, submit } = composer([answer.promise]);
  enter(text, "Old");
  submit();
  enter(text, "New");
  answer.resolve(false);
  await answer.promise;
  await Promise.resolve();
  assert.equal(text.value, "New");
});

test("a message that is sent during a run waits for its end, unless it is edited", () => {
  const { made, sent, text, submit, hint } = composer();
  made.show(true, "busy");
  enter(text, "One");
  submit();
  assert.deepEqual([sent, hint()], [[], "Your message is sent when the run is over."]);
  enter(text, "Two");
  assert.equal(hint(), "busy");
  made.show(false, "");
  assert.deepEqual(sent, []);

  made.show(true, "busy");
  submit();
  made.show(false, "");
  assert.deepEqual([sent, text.value], [["Two"], ""]);
});

test("an empty message is not sent, nor half an emoji", () => {
  const { sent, text, submit } = composer();
  submit();
  enter(text, "  ");
  submit();
  enter(text, "Hi \ud83d");
  submit();
  assert.deepEqual(sent, ["Hi \ufffd"]);
});

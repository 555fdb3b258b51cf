/** Text to server-sent events, for any split of the text. */

import assert from "node:assert/strict";
import test from "node:test";

import { EventStreamParser } from "../../../../actors/web/js/eventstream.js";

function parsed(...chunks) {
  const parser = new EventStreamParser();
  return chunks.flatMap((chunk) => parser.feed(chunk));
}

test("any split of the text gives the same events", () => {
  const whole = ': hi\r\nid: 1\r\ndata: {"a":1}\r\n\r\nevent: x\ndata:two\r\ndata: lines\r\n\r\nretry: 5\r\rdata\r\r';
  const expected = ['{"a":1}', "two\nlines", ""];
  assert.deepEqual(parsed(whole), expected);
  assert.deepEqual(parsed(...whole), expected);
  for (let cut = 1; cut < whole.length; cut += 1) {
    assert.deepEqual(parsed(whole.slice(0, cut), whole.slice(cut)), expected, `cut at ${cut}`);
  }
});

test("comments, ids, [DONE] and an incomplete event are ignored", () => {
  assert.deepEqual(parsed(": keep-alive\n\nid: 4\n\ndata: [DONE]\n\ndata: {}"), []);
});

test("only one space after the colon is no data", () => {
  assert.deepEqual(parsed("data:  two\n\n"), [" two"]);
});

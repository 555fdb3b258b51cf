/** Items of a run: each comes once, snapshots are joined, malformed ones are refused. */

import assert from "node:assert/strict";
import test from "node:test";

import { ItemReader } from "../../../../actors/web/js/items.js";
import { end, said, script, start, user } from "./script.js";

const part = (seq, from, count, next, more = {}) => ({
  runId: "run",
  seq,
  from,
  ...(next === undefined ? {} : { next }),
  snapshot: {
    status: "paused",
    messages: Array.from({ length: count }, (_, n) => user(`${from + n}`)),
    pending: [],
    tools: [],
    ...more,
  },
});

test("an old event is ignored", () => {
  const reader = new ItemReader(0);
  const envelopes = script("run", [start(), said("Hi"), end()]);
  assert.deepEqual(
    [...envelopes, ...envelopes].map((each) => reader.take(each)?.seq),
    [1, 2, 3, undefined, undefined, undefined],
  );
});

test("without a cursor, events before the snapshot are ignored", () => {
  const reader = new ItemReader(undefined);
  assert.equal(reader.take(script("run", [said("Hi")], 5)[0]), null);
  assert.equal(reader.take(part(6, 0, 1)).seq, 6);
  assert.equal(reader.take(script("run", [said("Hi")], 7)[0]).seq, 7);
});

test("a snapshot in parts is one item, and moves the cursor only when it is whole", () => {
  const reader = new ItemReader(3);
  const waits = { toolCallId: "c" };
  assert.equal(reader.take(part(9, 0, 2, 2)), null);
  assert.equal(reader.take(part(9, 2, 1, 3)), null);
  assert.equal(reader.cursor, 3);
  const { snapshot, seq } = reader.take(part(9, 3, 0, undefined, { pending: [waits] }));
  assert.deepEqual(
    [seq, snapshot.messages.map(({ content }) => content), snapshot.pending],
    [9, ["0", "1", "2"], [waits]],
  );
  assert.equal(reader.cursor, 9);
});

test("a first part without messages goes on with the rest", () => {
  const reader = new ItemReader(undefined);
  assert.equal(reader.take(part(9, 0, 0, 0, { pending: [{ toolCallId: "a" }] })), null);
  assert.deepEqual(
    reader.take(part(9, 0, 0, undefined, { pending: [{ toolCallId: "b" }] })).snapshot.pending.length,
    2,
  );
});

test("parts of an interrupted snapshot are dropped", () => {
  const reader = new ItemReader(undefined);
  reader.take(part(9, 0, 2, 2));
  reader.reset();
  assert.equal(reader.take(part(9, 2, 1)), null);
  assert.equal(reader.take(part(12, 0, 1)).snapshot.messages.length, 1);
});

test("a snapshot below the cursor counts: the id belongs to a new run", () => {
  const reader = new ItemReader(40);
  assert.equal(reader.take(part(2, 0, 1)).seq, 2);
  assert.equal(reader.take(script("run", [said("Hi")], 3)[0]).seq, 3);
});

for (const value of [
  null,
  7,
  {},
  { runId: "run" },
  { runId: "run", seq: "1", event: { type: "x" } },
  { runId: "run", seq: 1 },
]) {
  test(`${JSON.stringify(value)} is told as malformed`, () => {
    assert.throws(() => new ItemReader(0).take(value), { type: "malformed" });
  });
}

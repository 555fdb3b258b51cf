/** The fold gives the same snapshots as Python's, for the same test vectors. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { Transcript } from "../../../../actors/web/js/index.js";

const VECTORS = new URL("../../../vectors/", import.meta.url);

function folded(envelopes, start) {
  const transcript = new Transcript(start);
  for (const { event } of envelopes) transcript.apply(event);
  return transcript.snapshot();
}

for (const name of readdirSync(VECTORS).filter((name) => name.startsWith("transcript-"))) {
  test(`${name} folds into its snapshots`, () => {
    const { events, snapshots, snapshot } = JSON.parse(readFileSync(new URL(name, VECTORS), "utf8"));
    assert.deepEqual(folded(events), snapshot);
    for (const middle of snapshots) {
      const before = events.filter(({ seq }) => seq <= middle.seq);
      const after = events.filter(({ seq }) => seq > middle.seq);
      assert.deepEqual(folded(before), middle.snapshot);
      assert.deepEqual(folded(after, middle.snapshot), snapshot);
    }
  });
}

test("an event of a newer server is ignored", () => {
  const transcript = new Transcript();
  const before = transcript.snapshot();
  transcript.apply({ type: "agent_sang", song: "la" });
  assert.deepEqual(transcript.snapshot(), before);
});

test("taking snapshots in between changes nothing", () => {
  const { events, snapshot } = JSON.parse(readFileSync(new URL("transcript-arguments.json", VECTORS), "utf8"));
  const transcript = new Transcript();
  for (const { event } of events) {
    transcript.snapshot();
    transcript.apply(event);
  }
  assert.deepEqual(transcript.snapshot(), snapshot);
});

test("a snapshot that was taken never changes", () => {
  const { events } = JSON.parse(readFileSync(new URL("transcript-claims.json", VECTORS), "utf8"));
  const transcript = new Transcript();
  const taken = [];
  for (const { event } of events) {
    transcript.apply(event);
    const snapshot = transcript.snapshot();
    taken.push([snapshot, structuredClone(snapshot)]);
  }
  for (const [snapshot, copy] of taken) assert.deepEqual(snapshot, copy);
});

test("messages stay the same array while none is added, as React's memo wants it", () => {
  const transcript = new Transcript({ messages: [{ role: "user", content: "Hi", timestamp: 0 }] });
  const { messages } = transcript.snapshot();
  transcript.apply({ type: "turn_start", turn: 1 });
  transcript.apply({ type: "tool_execution_start", toolCallId: "c", toolName: "t", args: {} });
  assert.equal(transcript.snapshot().messages, messages);
});

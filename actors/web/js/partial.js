/** Builds an assistant message from the deltas of its stream, as `protocol/partial.py` does. Pure. */

import { hasPortableIntegers, isPortable } from "./portable.js";

/** @import { AssistantMessage, AssistantBlock, StreamDelta, ToolCall } from "./protocol.js" */

const GROWS = { text_delta: "text", thinking_delta: "thinking", toolcall_delta: "toolCall" };

/**
 * A block that may still grow. `text` is its text so far, or null for a call whose arguments are complete.
 * @typedef {{ block: AssistantBlock, text: string | null, stale: boolean }} Growing
 */

/** Adds deltas to an assistant message. Ignores a delta that fits no block. */
export class PartialMessage {
  /** @type {Growing[]} */
  #blocks;
  /** @type {AssistantMessage} */
  #message;
  #stale = false;

  /** @param {AssistantMessage} message the message so far */
  constructor(message) {
    this.#message = message;
    this.#blocks = message.content.map(growing);
  }

  /** @param {StreamDelta} delta */
  apply(delta) {
    this.#stale = true;
    switch (delta.type) {
      case "text_delta":
      case "thinking_delta":
      case "toolcall_delta":
        return this.#grow(delta.contentIndex, GROWS[delta.type], delta.delta);
      case "text_start":
        return this.#start(delta.contentIndex, { type: "text", text: "" });
      case "thinking_start":
        return this.#start(delta.contentIndex, { type: "thinking", thinking: "" });
      case "toolcall_start": {
        const { contentIndex, type: _, ...call } = delta;
        return this.#start(contentIndex, { type: "toolCall", ...call, arguments: {}, rawArguments: "" });
      }
      case "text_end":
        if (delta.signature != null || delta.citations?.length)
          this.#sign(delta.contentIndex, "text", { signature: delta.signature, citations: delta.citations });
        return;
      case "opaque_block":
        return this.#start(delta.contentIndex, delta.block);
      case "thinking_end":
        return this.#sign(delta.contentIndex, "thinking", { signature: delta.signature, redacted: delta.redacted });
      case "toolcall_end":
        if (delta.signature != null) this.#sign(delta.contentIndex, "toolCall", { signature: delta.signature });
        return this.#endCall(delta.contentIndex);
    }
  }

  /** Returns the message so far; the same object until the next delta. */
  get message() {
    if (this.#stale) {
      this.#stale = false;
      this.#message = { ...this.#message, content: this.#blocks.map(whole) };
    }
    return this.#message;
  }

  /** @param {number} index @param {string} kind */
  #at(index, kind) {
    const found = this.#blocks[index];
    return found?.block.type === kind ? found : undefined;
  }

  /** @param {number} index @param {AssistantBlock} block */
  #start(index, block) {
    if (index >= 0 && index <= this.#blocks.length) this.#blocks[index] = growing(block);
  }

  /** @param {number} index @param {string} kind @param {string} text */
  #grow(index, kind, text) {
    const found = this.#at(index, kind);
    if (found === undefined || found.text === null) return;
    found.text += text;
    found.stale = true;
  }

  /**
   * @param {number} index @param {string} kind
   * @param {{ signature?: string, redacted?: boolean, citations?: Record<string, any>[] }} marks
   */
  #sign(index, kind, marks) {
    const found = this.#at(index, kind);
    if (found === undefined) return;
    const { signature: _, redacted: __, citations: ___, ...block } = /** @type {any} */ (whole(found));
    const signature = marks.signature == null ? {} : { signature: marks.signature };
    const citations = marks.citations?.length ? { citations: marks.citations } : {};
    found.block = { ...block, ...signature, ...(marks.redacted ? { redacted: true } : {}), ...citations };
  }

  /** @param {number} index */
  #endCall(index) {
    const found = this.#at(index, "toolCall");
    if (found === undefined || found.text === null) return;
    const parsed = parseArguments(found.text);
    if (parsed === null) return;
    const { rawArguments: _, ...call } = /** @type {ToolCall} */ (found.block);
    found.block = { ...call, arguments: parsed };
    found.text = null;
    found.stale = false;
  }
}

/** @param {AssistantBlock} block @returns {Growing} */
function growing(block) {
  return { block, text: textOf(block), stale: false };
}

/** @param {AssistantBlock} block */
function textOf(block) {
  if (block.type === "text") return block.text;
  if (block.type === "opaque") return null;
  return block.type === "thinking" ? block.thinking : (block.rawArguments ?? null);
}

/** @param {Growing} found */
function whole(found) {
  if (found.stale && found.text !== null) {
    found.stale = false;
    found.block = withText(found.block, found.text);
  }
  return found.block;
}

/** @param {AssistantBlock} block @param {string} text @returns {AssistantBlock} */
function withText(block, text) {
  if (block.type === "text") return { ...block, text };
  if (block.type === "thinking") return { ...block, thinking: text };
  return block.type === "toolCall" ? { ...block, rawArguments: text } : block;
}

/**
 * Returns a call's arguments, or null if the text is not a JSON object in the value domain; {} for an empty text.
 * @param {string} text
 * @returns {Record<string, any> | null}
 */
function parseArguments(text) {
  if (text === "") return {};
  try {
    const value = JSON.parse(text);
    const fits = typeof value === "object" && value !== null && !Array.isArray(value);
    return fits && isPortable(value) && hasPortableIntegers(text) ? value : null;
  } catch {
    return null;
  }
}

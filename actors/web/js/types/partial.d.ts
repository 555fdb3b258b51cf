/** Builds one assistant message from the deltas of its stream, as `protocol/partial.py` does. Pure. */
import type { AssistantMessage, AssistantBlock, StreamDelta } from "./protocol.js";
export type Growing = {
    block: AssistantBlock;
    text: string | null;
    stale: boolean;
};
/**
 * A block that may still grow. `text` is its text so far; null: a call whose arguments are parsed, which is complete.
 * @typedef {{ block: AssistantBlock, text: string | null, stale: boolean }} Growing
 */
/** An assistant message that grows by deltas. Ignores a delta that fits no block. */
export declare class PartialMessage {
    #private;
    /** @param {AssistantMessage} message so far */
    constructor(message: AssistantMessage);
    /** @param {StreamDelta} delta */
    apply(delta: StreamDelta): void;
    /** The message so far; the same object until the next delta. */
    get message(): AssistantMessage;
}

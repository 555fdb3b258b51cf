/** Builds an assistant message from the deltas of its stream, as `protocol/partial.py` does. Pure. */
import type { AssistantMessage, AssistantBlock, StreamDelta } from "./protocol.js";
export type Growing = {
    block: AssistantBlock;
    text: string | null;
    stale: boolean;
};
/**
 * A block that may still grow. `text` is its text so far, or null for a call whose arguments are complete.
 * @typedef {{ block: AssistantBlock, text: string | null, stale: boolean }} Growing
 */
/** Adds deltas to an assistant message. Ignores a delta that fits no block. */
export declare class PartialMessage {
    #private;
    /** @param {AssistantMessage} message the message so far */
    constructor(message: AssistantMessage);
    /** @param {StreamDelta} delta */
    apply(delta: StreamDelta): void;
    /** Returns the message so far; the same object until the next delta. */
    get message(): AssistantMessage;
}

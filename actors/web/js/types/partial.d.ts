/** One assistant message, put together from the deltas of its stream: as `protocol/partial.py`. Pure. */
import type { AssistantMessage, AssistantBlock, StreamDelta } from "./protocol.js";
export type Growing = {
    block: AssistantBlock;
    text: string | null;
    stale: boolean;
};
/**
 * A block that may still grow. `text` is what it has grown to; null: a call whose arguments are parsed grows no more.
 * @typedef {{ block: AssistantBlock, text: string | null, stale: boolean }} Growing
 */
/** An assistant message that grows by deltas. One that fits no block is passed over. */
export declare class PartialMessage {
    #private;
    /** @param {AssistantMessage} message as far as it has come */
    constructor(message: AssistantMessage);
    /** @param {StreamDelta} delta */
    apply(delta: StreamDelta): void;
    /** The message so far; the same object until a delta comes. */
    get message(): AssistantMessage;
}

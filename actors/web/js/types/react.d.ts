/** React's `useChat`: a Chat of one component. For React 18 or 19; the only module that needs React. */
import { Chat } from "./chat.js";
import type { ChatState } from "./chat.js";
import type { Options } from "./options.js";
export type Actions = ReturnType<typeof actionsOf>;
/** @import { RefObject } from "react" @import { ChatState } from "./chat.js" @import { Options } from "./options.js" */
/** @typedef {ReturnType<typeof actionsOf>} Actions */
/**
 * Returns a chat that exists while the component is mounted: its state, its actions, and the `chat` itself, for
 * client-side tools: `useEffect(() => chat.tool("locate", locate), [chat])`.
 *
 * Actions are stable, and resolve to whether they succeeded; none rejects. The state changes at most once a frame. The
 * first render makes the chat: of later options, only callbacks, `body` and `fetch` are used. Unmounting stops
 * reading; the run goes on, and another component can read it with the `runId`.
 * @param {Options} options
 * @returns {ChatState & Actions & { chat: Chat }}
 */
export declare function useChat(options: Options): ChatState & Actions & {
    chat: Chat;
};
/** @param {Chat} chat */
declare function actionsOf(chat: Chat): {
    send: (input: string | import("./options.js").Said | readonly import("./options.js").Said[]) => Promise<boolean>;
    respondWithDecision: (decision: unknown, { toolCallId, arguments: edited }?: {
        toolCallId?: string;
        arguments?: Record<string, any>;
    }) => Promise<boolean>;
    decline: ({ toolCallId, reason }?: {
        toolCallId?: string;
        reason?: string;
    }) => Promise<boolean>;
    abort: (reason?: string) => Promise<boolean>;
    attach: (runId: string) => Promise<boolean>;
    setMessages: (messages: readonly import("./protocol.js").Message[]) => Promise<boolean>;
};
export {};

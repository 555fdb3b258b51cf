/** React's `useChat`: a Chat of one component. React 18 or 19; the one module here that needs it. */
import { Chat } from "./chat.js";
import type { ChatState } from "./chat.js";
import type { Options } from "./options.js";
export type Actions = ReturnType<typeof actionsOf>;
/** @import { RefObject } from "react" @import { ChatState } from "./chat.js" @import { Options } from "./options.js" */
/** @typedef {ReturnType<typeof actionsOf>} Actions */
/**
 * A chat for as long as the component is mounted: its state, its actions, and the `chat` itself, for client-side tools:
 * `useEffect(() => chat.tool("locate", locate), [chat])`.
 *
 * Actions are stable, and resolve to whether they worked; none rejects. What is shown changes once a frame at most. The
 * chat is made at the first render: of later options, only callbacks, `body` and `fetch` count. Unmounting stops the
 * reading; the run goes on, and another component with its `runId` goes on with it.
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

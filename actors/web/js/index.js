/** The browser client of adjourn: a `Chat` over a WebSocket or HTTP, a live `RunList`, and their parts. */

export { Chat } from "./chat.js";
export { AdjournError } from "./errors.js";
export { RunList } from "./runlist.js";
export { SSETransport } from "./sse.js";
export { Transcript } from "./transcript.js";
export { WebSocketTransport } from "./websocket.js";

/** React's `useChat`: a Chat of one component. For React 18 or 19; the only module that needs React. */

import { useEffect, useInsertionEffect, useRef, useState, useSyncExternalStore } from "react";

import { Chat } from "./chat.js";

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
export function useChat(options) {
  const latest = useRef(options);
  useInsertionEffect(() => {
    latest.current = options;
  });
  const [{ chat, shown, actions }] = useState(() => {
    const chat = new Chat(withLatest(options, latest));
    return { chat, shown: new Shown(chat), actions: actionsOf(chat) };
  });
  const state = useSyncExternalStore(shown.subscribe, shown.state, shown.state);
  useEffect(() => {
    void chat.follow();
    return () => chat.close();
  }, [chat]);
  return { ...state, ...actions, chat };
}

/** Keeps a chat's state at the latest frame: several changes within a frame cause one render. */
class Shown {
  #chat;
  #state;

  /** @param {Chat} chat */
  constructor(chat) {
    this.#chat = chat;
    this.#state = chat.state;
  }

  state = () => this.#state;

  /** @param {() => void} onChange */
  subscribe = (onChange) => {
    let cancel = () => {};
    let isDue = false;
    const show = () => {
      isDue = false;
      this.#state = this.#chat.state;
      onChange();
    };
    const stop = this.#chat.subscribe(() => {
      if (isDue) return;
      isDue = true;
      cancel = atNextFrame(show);
    });
    this.#state = this.#chat.state; // may have changed since the render; React reads it again after subscribing
    return () => {
      stop();
      cancel();
    };
  };
}

/** @param {() => void} show */
function atNextFrame(show) {
  if (typeof requestAnimationFrame === "undefined" || document.hidden) {
    // A hidden page gets no animation frames.
    const timer = setTimeout(show, 16);
    return () => clearTimeout(timer);
  }
  const frame = requestAnimationFrame(show);
  return () => cancelAnimationFrame(frame);
}

/**
 * Returns the options, with functions replaced by ones that call the latest render's.
 * @param {Options} options
 * @param {RefObject<Options>} latest
 * @returns {Options}
 */
function withLatest(options, latest) {
  /** @type {Options} */
  const called = {
    body: () => latest.current.body?.() ?? {},
    fetch: (...request) => (latest.current.fetch ?? globalThis.fetch)(...request),
    onMessage: (message) => latest.current.onMessage?.(message),
    onFinish: (run) => latest.current.onFinish?.(run),
    onDecisionPending: (call) => latest.current.onDecisionPending?.(call),
    onDecisionResolved: (resolution) => latest.current.onDecisionResolved?.(resolution),
    onToolCall: (call) => latest.current.onToolCall?.(call),
    onError: (error) => latest.current.onError?.(error),
    onConnection: (error) => latest.current.onConnection?.(error),
  };
  return { ...options, ...called };
}

/** @param {Chat} chat */
function actionsOf(chat) {
  return {
    send: chat.send.bind(chat),
    respondWithDecision: chat.respondWithDecision.bind(chat),
    decline: chat.decline.bind(chat),
    abort: chat.abort.bind(chat),
    attach: chat.attach.bind(chat),
    setMessages: chat.setMessages.bind(chat),
  };
}

/** The connection to the server: one WebSocket, HTTP requests, and the access token for both. */

import { asError } from "../js/errors.js";
import { answer } from "../js/http.js";
import { WebSocketTransport } from "../js/websocket.js";

/** @import { AdjournError } from "../js/errors.js" @import { AgentInfo } from "../js/protocol.js" */

const KEY = "adjourn.token";
const PATIENCE_MS = 20_000;
const BACKOFF = { maximumMs: 5_000 }; // short, because a person waits
const NEVER = new AbortController().signal;

/** The server's root, or the path where its app is mounted: the page is there. */
const BASE = new URL(".", document.baseURI);

export class Session {
  /** Shared by all chats and lists. */
  transport;
  /** Called with the reason when the connection is lost, and with null when it is back. @type {(error: AdjournError | null) => void} */
  onConnection = () => {};
  /** Called when the server requires a token, or another one. */
  onUnauthorized = () => {};
  #token = storage()?.getItem(KEY) ?? null;
  /** @type {Promise<AgentInfo[]> | null} */
  #agents = null;
  /** @type {Promise<Record<string, number>> | null} */
  #limits = null;

  constructor() {
    this.transport = this.#dial();
  }

  /** Uses this token from now on. Ends everything that was read over the old transport. @param {string} token */
  useToken(token) {
    this.#token = token;
    storage()?.setItem(KEY, token);
    this.transport.close();
    this.#agents = this.#limits = null;
    this.transport = this.#dial();
  }

  /** @returns {Promise<AgentInfo[]>} the agents that can be started. Raises: AdjournError */
  agents() {
    return (this.#agents ??= this.get("agents").then(({ agents }) => agents)).catch((error) => {
      this.#agents = null;
      throw error;
    });
  }

  /** @returns {Promise<Record<string, number>>} the server's limits, such as `maxInputBytes`. Raises: AdjournError */
  limits() {
    return (this.#limits ??= this.get("server").then(({ limits }) => limits)).catch((error) => {
      this.#limits = null;
      throw error;
    });
  }

  /**
   * Returns the JSON at a path below the server's root. Raises: AdjournError.
   * @param {string} path
   * @returns {Promise<any>}
   */
  async get(path) {
    return (await this.#fetch(path, {})).json();
  }

  /** @param {string} path @param {unknown} body @returns {Promise<any>} the answer's JSON. Raises: AdjournError */
  async post(path, body) {
    const headers = { "content-type": "application/json" };
    return (await this.#fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
  }

  /** Deletes what a path names. Raises: AdjournError. @param {string} path */
  async delete(path) {
    await this.#fetch(path, { method: "DELETE" });
  }

  /** @param {string} path @param {RequestInit} request */
  async #fetch(path, request) {
    const token = this.#token;
    const headers = {
      accept: "application/json",
      ...request.headers,
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const url = new URL(path, BASE).href;
    try {
      return await answer(fetch.bind(globalThis), url, { ...request, headers }, PATIENCE_MS, NEVER);
    } catch (thrown) {
      const error = asError(thrown);
      if (error.type === "unauthorized") this.onUnauthorized();
      throw error;
    }
  }

  #dial() {
    const url = new URL("ws", BASE.href.replace(/^http/, "ws")).href;
    const token = this.#token ?? undefined;
    /** @type {WebSocketTransport} */
    const transport = new WebSocketTransport(url, {
      token,
      backoff: BACKOFF,
      quietMs: 15_000,
      onConnection: (error) => this.transport === transport && this.#heard(error),
    });
    return transport;
  }

  /** @param {AdjournError | null} error */
  #heard(error) {
    if (error === null) this.#agents = this.#limits = null; // it may be another server now
    if (error?.type === "unauthorized") this.onUnauthorized();
    else this.onConnection(error);
  }
}

/** Returns null if the browser lets the page store nothing: a reload then asks for the token again. */
function storage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

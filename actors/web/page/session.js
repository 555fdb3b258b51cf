/**
 * The connection to the server: one WebSocket, HTTP requests, and the access token for both.
 *
 * If the server is a node of a shared store, the page goes on at another node when it loses this one.
 */

import { sleep } from "../js/backoff.js";
import { asError } from "../js/errors.js";
import { answer } from "../js/http.js";
import { WebSocketTransport } from "../js/websocket.js";
import { usableNodes } from "./nodes.js";

/** @import { AdjournError } from "../js/errors.js" */
/** @import { AgentInfo, NodeInfo, ServerDescription } from "../js/protocol.js" */

const KEY = "adjourn.token";
const PATIENCE_MS = 20_000;
const BACKOFF = { maximumMs: 5_000 }; // short, because a person waits
const NODES_MS = 30_000; // between two questions for the other nodes
const MOVE_MS = 500; // for the WebSocket to notice that the server is lost
const MOST_MOVES = 4; // of one request
const NEVER = new AbortController().signal;

/** The root of the page's own server, or the path where its app is mounted: the page is there. */
const HOME = new URL(".", document.baseURI).href;

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
  /** @type {Promise<ServerDescription> | null} */
  #server = null;
  /** The other nodes of a shared store, as base URLs. @type {string[]} */
  #nodes = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #nextLook;

  constructor() {
    this.transport = this.#dial(HOME);
  }

  /** The host of the server that the page uses in place of its own; null if it uses its own. */
  get otherHost() {
    return this.#base === HOME ? null : new URL(this.#base).host;
  }

  /** Uses this token from now on. Ends everything that was read over the old transport. @param {string} token */
  useToken(token) {
    this.#token = token;
    storage()?.setItem(KEY, token);
    this.transport.close();
    this.#agents = this.#server = null;
    this.transport = this.#dial(this.#base);
  }

  /** @returns {Promise<AgentInfo[]>} the agents that can be started. Raises: AdjournError */
  agents() {
    return (this.#agents ??= this.get("agents").then(({ agents }) => agents)).catch((error) => {
      this.#agents = null;
      throw error;
    });
  }

  /** @returns {Promise<Record<string, number>>} the server's limits, such as `maxInputBytes`. Raises: AdjournError */
  async limits() {
    return (await this.#describe()).limits;
  }

  /**
   * Returns the JSON at a path below the server's root. If the server is lost, asks the next node. Raises:
   * AdjournError.
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

  /** @returns {Promise<ServerDescription>} */
  #describe() {
    return (this.#server ??= this.get("server")).catch((error) => {
      this.#server = null;
      throw error;
    });
  }

  // Requests. All are safe to repeat.

  /** @param {string} path @param {RequestInit} request */
  async #fetch(path, request) {
    for (let moves = 0; ; moves += 1) {
      const base = this.#base;
      try {
        return await this.#ask(new URL(path, base).href, request);
      } catch (thrown) {
        const error = asError(thrown);
        if (error.type !== "connectionLost" || this.#nodes.length === 0 || moves === MOST_MOVES) throw error;
        await sleep(MOVE_MS, NEVER);
        if (this.#base === base) throw error;
      }
    }
  }

  /** @param {string} url @param {RequestInit} request */
  async #ask(url, request) {
    const token = this.#token;
    const headers = {
      accept: "application/json",
      ...request.headers,
      ...(token && { authorization: `Bearer ${token}` }),
    };
    try {
      return await answer(fetch.bind(globalThis), url, { ...request, headers }, PATIENCE_MS, NEVER);
    } catch (thrown) {
      const isLate = token !== this.#token; // the person has logged in meanwhile
      if (asError(thrown).type === "unauthorized" && !isLate) this.onUnauthorized();
      throw thrown;
    }
  }

  // The connection.

  /** The root of the server in use. It is the transport that leaves a lost server. */
  get #base() {
    return new URL(".", (this.transport.url ?? "").replace(/^ws/, "http")).href;
  }

  /** @param {string} base */
  #dial(base) {
    const token = this.#token ?? undefined;
    const urls = [...new Set([base, HOME, ...this.#nodes])].map(socketOf);
    /** @type {WebSocketTransport} */
    const transport = new WebSocketTransport(urls, {
      token,
      backoff: BACKOFF,
      quietMs: 15_000,
      onConnection: (error) => this.transport === transport && this.#heard(error),
    });
    return transport;
  }

  /** @param {AdjournError | null} error */
  #heard(error) {
    if (error === null) {
      this.#agents = this.#server = null; // it may be another server now
      void this.#lookAround();
    }
    if (error?.type === "unauthorized") this.onUnauthorized();
    else this.onConnection(error);
  }

  /** Asks the server where the other nodes are, now and then: nodes come and go. */
  async #lookAround() {
    clearTimeout(this.#nextLook);
    try {
      const base = this.#base;
      const { url } = await this.#describe();
      if (url === undefined) return; // the server shares no store
      /** @type {{ nodes: NodeInfo[] }} */
      const { nodes } = await this.get("nodes");
      const urls = nodes.map((node) => node.url);
      this.#nodes = usableNodes(base, url, urls);
      this.transport.useServers([HOME, ...this.#nodes].map(socketOf));
    } catch (thrown) {
      if (!asError(thrown).retryable) return; // the server tells this client nothing
    }
    clearTimeout(this.#nextLook);
    this.#nextLook = setTimeout(() => void this.#lookAround(), NODES_MS);
  }
}

/** @param {string} base */
function socketOf(base) {
  return new URL("ws", base.replace(/^http/, "ws")).href;
}

/** Returns null if the browser lets the page store nothing: a reload then asks for the token again. */
function storage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

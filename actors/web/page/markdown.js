/** Lets the server parse Markdown: several texts in one request, with a cache. */

import { asError } from "../js/errors.js";

/** @import { Session } from "./session.js" */

/**
 * @typedef {string | { tag: string, children: MarkdownNode[], start?: number, language?: string, href?: string,
 *   align?: string }} MarkdownNode
 */

// The limits of `POST /markdown`; sizes in bytes of UTF-8.
const MAX_TEXTS = 64;
export const MAX_TEXT_BYTES = 64_000;
const MAX_BYTES = 256_000;
const MAX_KEPT = 400; // documents in the cache
const RETRY_MS = 3_000;

/** @typedef {{ text: string, bytes: number, resolve: (nodes: MarkdownNode[] | null) => void }} Wanted */

export class Markdown {
  #session;
  /** @type {Wanted[]} */
  #queue = [];
  #isBusy = false;
  /** Oldest first. @type {Map<string, MarkdownNode[]>} */
  #known = new Map();

  /** @param {Pick<Session, "post">} session */
  constructor(session) {
    this.#session = session;
  }

  /** Returns a text's nodes, if the cache has them. @param {string} text */
  known(text) {
    return this.#known.get(text);
  }

  /**
   * Resolves to a text's nodes; null if the text is too long or the server refuses: it then stays plain. Never rejects.
   * While the server can't be reached, the request is repeated every 3 seconds.
   * @param {string} text
   * @returns {Promise<MarkdownNode[] | null>}
   */
  parse(text) {
    const known = this.#known.get(text);
    if (known !== undefined) return Promise.resolve(known);
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > MAX_TEXT_BYTES) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#queue.push({ text: text.toWellFormed(), bytes, resolve });
      if (!this.#isBusy) void this.#work();
    });
  }

  async #work() {
    this.#isBusy = true;
    await Promise.resolve(); // other texts of the same moment join the request
    while (this.#queue.length > 0) await this.#ask(this.#takeBatch());
    this.#isBusy = false;
  }

  #takeBatch() {
    let bytes = 0;
    let count = 0;
    for (const wanted of this.#queue) {
      bytes += wanted.bytes;
      if (count === MAX_TEXTS || (count > 0 && bytes > MAX_BYTES)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** @param {Wanted[]} batch */
  async #ask(batch) {
    for (;;) {
      try {
        const { documents } = await this.#session.post("markdown", { texts: batch.map(({ text }) => text) });
        batch.forEach(({ text, resolve }, place) => resolve(this.#keep(text, documents[place] ?? null)));
        return;
      } catch (thrown) {
        if (!asError(thrown).retryable) break;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    for (const { resolve } of batch) resolve(null);
  }

  /** @param {string} text @param {MarkdownNode[] | null} nodes */
  #keep(text, nodes) {
    if (nodes === null) return null;
    this.#known.set(text, nodes);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KEPT && oldest !== undefined) this.#known.delete(oldest);
    return nodes;
  }
}

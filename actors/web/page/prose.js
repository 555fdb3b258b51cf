/** A text of the model: shown as plain text at once, and as Markdown when the server has parsed it. */

import { element } from "./element.js";
import { MAX_TEXT_BYTES } from "./markdown.js";

/** @import { Markdown, MarkdownNode } from "./markdown.js" */

const TAGS = "p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong s a hr br table thead tbody tr th td".split(
  " ",
);
const HEADING = /^h([1-6])$/;
const LINK = /^(https?:|mailto:)/i;
const LOWEST = 6; // lowest level of a heading
const MAX_DEPTH = 50;
const STREAM_MS = 350; // between two requests for a growing text; longer if the server is slow

/** One text. It may grow. */
export class Prose {
  element = element("div", { class: "prose" });
  #markdown;
  /** @type {string | null} */
  #text = null;
  /** The nodes that the first children of `element` show. @type {MarkdownNode[]} */
  #shown = [];
  #isBusy = false;
  #isStreaming = false;

  /** @param {Markdown} markdown */
  constructor(markdown) {
    this.#markdown = markdown;
  }

  /** @param {string} text all of it so far @param {boolean} isStreaming whether more will come */
  show(text, isStreaming) {
    if (text === this.#text && isStreaming === this.#isStreaming) return;
    const before = this.#text;
    this.#text = text;
    this.#isStreaming = isStreaming;
    const known = this.#markdown.known(text);
    if (known !== undefined) return this.#draw(known);
    if (before !== null && text.startsWith(before)) this.#append(text.slice(before.length));
    else this.#plain(text);
    void this.#parse();
  }

  /** Appends new words to the last paragraph, until the server has parsed them too. @param {string} more */
  #append(more) {
    if (more === "") return;
    const leaf = lastLeaf(this.element);
    if (leaf === this.element) this.#plain(this.#text ?? "");
    else leaf.append(more);
    this.#shown = this.#shown.slice(0, this.element.childNodes.length - 1); // the last child has changed
  }

  /** @param {string} text */
  #plain(text) {
    this.#shown = [];
    this.element.replaceChildren(element("p", { class: "plain" }, text));
  }

  async #parse() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (;;) {
      const text = this.#text ?? "";
      if (text.length > MAX_TEXT_BYTES) break;
      const begin = performance.now();
      const nodes = await this.#markdown.parse(text);
      const tookMs = performance.now() - begin;
      if (nodes === null) break;
      this.#draw(nodes);
      this.#append((this.#text ?? "").slice(text.length));
      if (text === this.#text) break;
      if (this.#isStreaming) await new Promise((resolve) => setTimeout(resolve, Math.max(STREAM_MS, 4 * tookMs)));
    }
    this.#isBusy = false;
  }

  /** Draws from the first difference on, so that a selection above it stays. @param {MarkdownNode[]} nodes */
  #draw(nodes) {
    const difference = nodes.findIndex((node, place) => !isSame(node, this.#shown[place]));
    const kept = difference === -1 ? nodes.length : difference;
    for (const old of [...this.element.childNodes].slice(kept)) old.remove();
    const levels = levelsOf(nodes);
    this.element.append(...nodes.slice(kept).map((node, place) => drawn(node, levels[kept + place])));
    this.#shown = [...nodes];
  }
}

/** @param {MarkdownNode} one @param {MarkdownNode | undefined} other */
function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** @param {Element} parent @returns {Element} */
function lastLeaf(parent) {
  const last = parent.lastElementChild;
  return last === null || last.tagName === "HR" || last.tagName === "BR" ? parent : lastLeaf(last);
}

/**
 * Returns each heading's level: one below the heading that contains it, and 2 at the top, because the page's own
 * heading has level 1. So no level is skipped, whatever the model wrote.
 * @param {readonly MarkdownNode[]} nodes
 */
function levelsOf(nodes) {
  /** @type {number[]} */
  const above = [];
  return nodes.map((node) => {
    const level = Number(typeof node === "string" ? NaN : HEADING.exec(node.tag)?.[1]);
    if (Number.isNaN(level)) return LOWEST;
    while (above.length > 0 && level <= /** @type {number} */ (above.at(-1))) above.pop();
    above.push(level);
    return Math.min(above.length + 1, LOWEST);
  });
}

/**
 * Makes a node's element. For an unknown tag, draws only the text.
 * @param {MarkdownNode} node
 * @param {number} [level] of a heading
 * @param {number} [depth]
 * @returns {Node}
 */
function drawn(node, level = LOWEST, depth = 0) {
  if (typeof node === "string") return document.createTextNode(node);
  if (!TAGS.includes(node.tag) || depth > MAX_DEPTH) return document.createTextNode(wordsOf(node));
  const children = node.children.map((child) => drawn(child, LOWEST, depth + 1));
  const { tag } = node;
  if (tag === "a") return linked(node.href ?? "", children);
  if (tag === "pre") return code(node.language ?? "", children);
  if (tag === "table")
    return element(
      "div",
      { class: "scroll-x", tabindex: 0, role: "region", "aria-label": "Table" },
      element("table", {}, ...children),
    );
  if (tag === "ol") return element("ol", { start: node.start }, ...children);
  if (tag === "th" || tag === "td")
    return element(tag, { class: node.align && `align-${node.align}`, scope: tag === "th" && "col" }, ...children);
  return element(/** @type {"p"} */ (HEADING.test(tag) ? `h${level}` : tag), {}, ...children);
}

/** @param {string} href @param {Node[]} children */
function linked(href, children) {
  if (!LINK.test(href)) return element("span", {}, ...children);
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
}

/** @param {string} language @param {Node[]} children */
function code(language, children) {
  const body = element("code", {}, ...children);
  const label = language === "" ? "Code" : `Code: ${language}`;
  return element("pre", { tabindex: 0, role: "region", "aria-label": label, "data-language": language || null }, body);
}

/** @param {MarkdownNode} node @returns {string} */
function wordsOf(node) {
  return typeof node === "string" ? node : node.children.map(wordsOf).join("");
}

/** The sources that a model cites: links to web pages, and names of documents. Nothing is loaded from elsewhere. */

import { linkTo } from "./attachment.js";
import { element } from "./element.js";

/** @import { AssistantBlock } from "../js/protocol.js" */

/**
 * The sources of a message's texts, each once, in the order of the texts.
 * @param {readonly AssistantBlock[]} content
 */
export function sourcesOf(content) {
  const citations = content.flatMap((block) => (block.type === "text" ? (block.citations ?? []) : []));
  /** @type {Map<string, Node>} */
  const found = new Map();
  for (const citation of citations) {
    const { url, title } = sourceOf(citation);
    const key = url || title;
    if (key !== "" && !found.has(key)) found.set(key, linkTo(url, title || url));
  }
  return [...found.values()].map((link) => element("li", {}, link));
}

/** A citation in the words of OpenAI's or Anthropic's APIs. @param {Record<string, any>} citation */
function sourceOf(citation) {
  const { url, title, filename, document_title: document } = citation.url_citation ?? citation;
  const name = [title, document, filename].find((each) => typeof each === "string" && each !== "");
  return { url: typeof url === "string" ? url : "", title: name ?? "" };
}

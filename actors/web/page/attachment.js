/** What a message holds beside text: images, files, recordings. Nothing is loaded from elsewhere: an address is a link. */

import { element } from "./element.js";
import { pictureOf } from "./picture.js";
import { visible } from "./value.js";

/** @import { Text, UserBlock } from "../js/protocol.js" */

const ADDRESS = /^https?:\/\//i;

/**
 * A block that is no text.
 * @param {Exclude<UserBlock, Text>} block
 * @param {string} alt of an image, in words
 */
export function attachmentOf(block, alt) {
  if (block.type === "image") return pictureOf(block, alt);
  const label = element("span", { dir: "auto" }, ...visible(labelOf(block)));
  const url = "url" in block ? (block.url ?? "") : "";
  const linked = ADDRESS.test(url)
    ? element("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, label)
    : label;
  return element("p", { class: "quiet" }, linked);
}

/** A block in words: the text of a text, else what it is. @param {UserBlock} block */
export function labelOf(block) {
  switch (block.type) {
    case "text":
      return block.text;
    case "image":
      return "[image]";
    case "imageUrl":
      return `Image at ${block.url}`;
    case "file":
      return `File ${block.name || block.url || ""} (${block.mimeType})`;
    case "audio":
      return `Recording (${block.mimeType})`;
    default:
      return "Something that this page can't show";
  }
}

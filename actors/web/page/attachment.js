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
  const url = "url" in block ? (block.url ?? "") : "";
  return element("p", { class: "quiet" }, linkTo(url, labelOf(block)));
}

/** A link to an address on the web; for any other address, only its words. @param {string} url @param {string} words */
export function linkTo(url, words) {
  const label = element("span", { dir: "auto" }, ...visible(words));
  if (!ADDRESS.test(url)) return label;
  return element("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
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

/** Images in messages: shows them, and reads those that a person attaches. */

import { element } from "./element.js";

/** @import { Image } from "../js/protocol.js" */

/** The types that models read and browsers show. */
export const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const CHUNK_BYTES = 0x8000; // for one call of fromCharCode

/** @param {Image} image @param {string} alt */
export function pictureOf({ data, mimeType }, alt) {
  if (!TYPES.includes(mimeType)) return element("p", { class: "quiet" }, `A file of type ${mimeType}`);
  return element("img", { class: "picture", src: `data:${mimeType};base64,${data}`, alt });
}

/**
 * Reads a file as an image block.
 * @param {File} file
 * @returns {Promise<Image>}
 */
export async function imageOf(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
  return { type: "image", data: btoa(binary), mimeType: file.type };
}

/**
 * Returns why a file can't be sent, for a person; null if it can.
 * @param {{ name: string, type: string, size: number }} file
 * @param {number} room bytes of base64 that the server still accepts
 */
export function refusalOf({ name, type, size }, room) {
  if (!TYPES.includes(type)) return `${name} is not an image that models read: send PNG, JPEG, GIF or WebP.`;
  const encoded = Math.ceil(size / 3) * 4;
  if (encoded <= room) return null;
  return `${name} is too large: the server takes ${megabytes((room * 3) / 4)} more in this message, the image has ${megabytes(size)}.`;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(Math.max(0, bytes) / 1_000_000).toFixed(1)} MB`;
}

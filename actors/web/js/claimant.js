/** The claimant: a random id that identifies this page's claims of client-side calls to the server. */

import { randomId } from "./randomid.js";

const KEY = "adjourn.claimant";

/** @type {string | null} */
let known = null;

/**
 * Returns this page's random id. The id survives a reload, and no two pages share one.
 *
 * The id is in sessionStorage only while the page is unloaded. Otherwise a duplicated tab, which gets a copy of
 * sessionStorage, would find the id of a living page there.
 * @param {{ sessionStorage?: Storage, addEventListener?: typeof globalThis.addEventListener }} [page]
 */
export function pageClaimant(page = globalThis) {
  return (known ??= takeClaimant(page));
}

/**
 * @param {{ sessionStorage?: Storage, addEventListener?: typeof globalThis.addEventListener }} page
 * @returns {string}
 */
export function takeClaimant(page) {
  const storage = storageOf(page);
  const claimant = storage?.getItem(KEY) ?? randomId();
  storage?.removeItem(KEY);
  page.addEventListener?.("pagehide", () => storage?.setItem(KEY, claimant));
  page.addEventListener?.("pageshow", () => storage?.removeItem(KEY)); // the page came back from the browser's cache
  return claimant;
}

/** @param {{ sessionStorage?: Storage, document?: unknown }} page */
function storageOf(page) {
  try {
    return "document" in page ? page.sessionStorage : undefined;
  } catch {
    return undefined; // a sandboxed frame has none
  }
}

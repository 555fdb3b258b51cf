/** Sends one HTTP request; returns its response, or throws an error that says what went wrong. */

import { AdjournError, errorOfHttp } from "./errors.js";

// Errors of a proxy before the server; the server's own errors have another type.
const GATEWAY_FAULTS = ["http408", "http502", "http503", "http504"];

/** @param {Response} response */
export function isEventStream(response) {
  return response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}

/**
 * Returns the headers of a request for a stream.
 * @param {number} [seq] the last known item's
 * @returns {Record<string, string>}
 */
export function streamAfter(seq) {
  const accept = { accept: "text/event-stream" };
  return seq === undefined ? accept : { ...accept, "last-event-id": String(seq) };
}

/**
 * Sends one request; resolves to its response once the headers have arrived.
 * @param {typeof globalThis.fetch} fetch
 * @param {string} url
 * @param {RequestInit} request
 * @param {number} quietMs time limit for the headers
 * @param {AbortSignal} signal
 * @throws {AdjournError} `connectionLost`, or the server's refusal
 */
export async function answer(fetch, url, request, quietMs, signal) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), quietMs);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { ...request, signal: AbortSignal.any([signal, patience.signal]) });
  } catch (cause) {
    throw lost(`${url} doesn't answer`, cause);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  const error = errorOfHttp(response.status, await response.json().catch(() => null));
  throw GATEWAY_FAULTS.includes(error.type) ? lost(error.message) : error;
}

/** @param {string} what @param {unknown} [cause] */
function lost(what, cause) {
  return new AdjournError("connectionLost", cause instanceof Error ? `${what}: ${cause.message}` : what);
}

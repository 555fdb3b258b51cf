/** Times as text. The ages on the page are updated. */

import { element } from "./element.js";

const REFRESH_MS = 15_000;
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const full = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

/** Returns "4 minutes ago", "in 2 hours" or "just now". @param {number} at ms since the epoch @param {number} now */
export function ageOf(at, now) {
  const distance = at - now;
  for (const [unit, length] of UNITS) {
    if (Math.abs(distance) >= length) return relative.format(Math.trunc(distance / length), unit);
  }
  return distance > 0 ? "in less than a minute" : "just now";
}

/** Returns "1.2 s", "3 min 5 s" or "2 h 10 min". @param {number} ms */
export function durationOf(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/**
 * Makes an element with an age, such as "4 minutes ago". `keepAges` updates it.
 * @param {number} at ms since the epoch
 */
export function age(at) {
  const text = ageOf(at, Date.now());
  return element("time", { datetime: stamp(at), title: full.format(at), "data-at": at }, text);
}

/** Makes an element with a time of day. @param {number} at ms since the epoch */
export function timeOfDay(at) {
  return element("time", { datetime: stamp(at), title: full.format(at) }, clock.format(at));
}

/** Updates all ages on the page, every 15 seconds from now on. */
export function keepAges() {
  setInterval(refreshAges, REFRESH_MS);
  document.addEventListener("visibilitychange", refreshAges);
}

function refreshAges() {
  if (document.hidden) return;
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-at]")) {
    const text = ageOf(Number(time.getAttribute("data-at")), now);
    if (time.textContent !== text) time.textContent = text;
  }
}

/** @param {number} at */
function stamp(at) {
  return new Date(at).toISOString();
}

/** Codecs of `date-time` and `time`: RFC 3339 in the value, the browser's time zone in the control. */

/** @import { Codec } from "./formcodecs.js" */

const MOMENT = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const TIME = /^(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)([Zz]|[+-]\d\d:\d\d)?$/;

/** @returns {Codec} */
export function momentCodec() {
  return {
    type: "datetime-local",
    note: () => `In the time zone of this browser, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`,
    show: (value) => (MOMENT.test(value) ? localText(new Date(value.replace(" ", "T"))) : String(value)),
    parse(text) {
      if (MOMENT.test(text)) return text; // a control of type "text" accepts the complete form
      const date = new Date(text);
      if (Number.isNaN(date.getTime())) throw new Error("Expected a date and a time, such as 2026-11-28T10:30:00Z.");
      const [day, time] = text.split("T");
      return `${day}T${withSeconds(time)}${offsetOf(date)}`;
    },
    check: (value) => checkForm(value, MOMENT, "a date and a time, such as 2026-11-28T10:30:00Z"),
  };
}

/** Uses the offset of the value that was filled in, otherwise the browser's. @returns {Codec} */
export function timeCodec() {
  let offset = offsetOf(new Date());
  return {
    type: "time",
    note: () => (/^[Zz]$/.test(offset) ? "In UTC." : `In UTC${offset}.`),
    show(value) {
      const [, time, given] = TIME.exec(value) ?? [];
      if (time === undefined) return String(value);
      offset = given ?? offset;
      return shortest(time);
    },
    parse(text) {
      const [, time, given] = TIME.exec(text) ?? [];
      if (time === undefined) throw new Error("Expected a time, such as 10:30:00Z.");
      return `${withSeconds(time)}${given ?? offset}`;
    },
    check: (value) => checkForm(value, TIME, "a time, such as 10:30:00Z"),
  };
}

/** @param {unknown} value @param {RegExp} form @param {string} what */
function checkForm(value, form, what) {
  if (typeof value !== "string" || !form.test(value)) throw new Error(`Expected ${what}.`);
}

/** Returns the offset of the browser's time zone at this time, such as `+01:00`. @param {Date} date */
function offsetOf(date) {
  const minutes = -date.getTimezoneOffset();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "-" : "+"}${two(hours)}:${two(rest)}`;
}

/** @param {Date} date */
function localText(date) {
  const day = `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const seconds = `${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return `${day}T${shortest(`${two(date.getHours())}:${two(date.getMinutes())}:${seconds}`)}`;
}

/** Leaves out seconds that are 0, as controls do. @param {string} time */
function shortest(time) {
  return time
    .replace(/\.(\d*?)0+$/, ".$1")
    .replace(/\.$/, "")
    .replace(/^(\d\d:\d\d):00$/, "$1");
}

/** @param {string} time */
function withSeconds(time) {
  return /^\d\d:\d\d$/.test(time) ? `${time}:00` : time;
}

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, "0");
}

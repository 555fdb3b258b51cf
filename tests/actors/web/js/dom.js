/** A document for the tests of the page's modules. Import it before them. */

import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html><html lang=en><body></body></html>", { url: "http://shop.test/" });
for (const name of ["document", "Event", "Node", "HTMLElement", "HTMLInputElement"]) globalThis[name] = window[name];
process.env.TZ = "Europe/Berlin";

/** Acts as a person: types a text, ticks a box, chooses an option. */
export function enter(control, value) {
  if (control.type === "checkbox" || control.type === "radio") control.checked = value;
  else if (control.tagName === "SELECT")
    control.selectedIndex = [...control.options].findIndex((one) => one.text === value);
  else control.value = value;
  for (const type of ["input", "change"]) control.dispatchEvent(new Event(type, { bubbles: true }));
}

/** Finds the control or group with this label, at any depth. */
export function labelled(element, name) {
  const labels = [...element.querySelectorAll("label, legend")].filter((each) => wordsOf(each) === name);
  const [label] = labels;
  if (label === undefined) throw new Error(`no label ${name} in: ${element.textContent}`);
  if (label.tagName === "LEGEND") return label.parentElement;
  return label.querySelector("input") ?? element.querySelector(`[id="${label.htmlFor}"]`);
}

/** Finds a button by its accessible name. */
export function pressed(element, name) {
  const found = [...element.querySelectorAll("button")].find((each) => (each.ariaLabel ?? each.textContent) === name);
  found.click();
}

function wordsOf(label) {
  return label.textContent.replace(/ \(optional.*\)/, "").trim();
}

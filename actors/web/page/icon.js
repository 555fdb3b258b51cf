/** The page's icons: lines on a grid of 16, in the colour of the surrounding text. Hidden from screen readers. */

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  send: "M8 13V3M3.5 7.5 8 3l4.5 4.5",
  stop: "M4.5 4.5h7v7h-7z",
  image: "M2.5 3.5h11v9h-11zM2.5 10.5l3-3 2.5 2.5 2-2 3.5 3.5M10.2 6.2h.01",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.6",
  tool: "M2.5 3.5h11v9h-11zM5 6.5 7 8 5 9.5M8.5 10H11",
  thought: "M8 2.5a4.5 4.5 0 0 0-2.5 8.2V12h5v-1.3A4.5 4.5 0 0 0 8 2.5zM6.5 14h3",
  person: "M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.5a5 5 0 0 1 10 0",
  down: "M8 3v10M3.5 8.5 8 13l4.5-4.5",
  plus: "M8 3v10M3 8h10",
  flag: "M4 14V2.5h8l-2 3 2 3H4",
  message: "M2.5 3.5h11v7.5H7l-3 2.5V11H2.5z",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {IconName} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

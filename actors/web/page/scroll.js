/** Keeps the end of a conversation in sight, unless the reader has scrolled up. */

import { element } from "./element.js";
import { icon } from "./icon.js";

const NEAR_PX = 120; // this near to the end counts as scrolled to the end
const BAR_PX = 64; // height of the bar at the top, with a margin

export class BottomScroll {
  button = element(
    "button",
    {
      type: "button",
      class: "round to-bottom",
      "aria-label": "Scroll to the end",
      hidden: true,
      click: () => this.toBottom(),
    },
    icon("down"),
  );
  #isFollowing = true;
  #hasContent = false;
  /** Where `hold` was called, until the reader scrolls. @type {number | null} */
  #heldAt = null;
  #life = new AbortController();
  #size = new ResizeObserver(() => this.#hasContent && this.follow());

  constructor() {
    addEventListener("scroll", () => this.#look(), { signal: this.#life.signal, passive: true });
    this.#size.observe(document.body);
  }

  /** Scrolls to the end again after drawing, if the end was in sight. */
  follow() {
    this.#hasContent = true;
    if (this.#isFollowing) this.#jump();
    else this.#look();
  }

  /** Scrolls to the top of an element, unless the reader has scrolled up. @param {Element} target */
  reveal(target) {
    if (!this.#isFollowing) return;
    this.#jump();
    if (target.getBoundingClientRect().top >= BAR_PX) return;
    target.scrollIntoView({ block: "start" });
    this.hold();
  }

  /** Stays at this position until the reader scrolls to the end. */
  hold() {
    this.#isFollowing = false;
    this.#heldAt = scrollY;
  }

  toBottom() {
    this.#isFollowing = true;
    this.#jump();
  }

  close() {
    this.#life.abort();
    this.#size.disconnect();
  }

  #look() {
    const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
    const isNear = scrollHeight - clientHeight - scrollTop < NEAR_PX;
    this.button.hidden = isNear;
    if (scrollY === this.#heldAt) return;
    this.#heldAt = null;
    this.#isFollowing = isNear;
  }

  #jump() {
    scrollTo({ top: document.documentElement.scrollHeight });
    this.button.hidden = true;
  }
}

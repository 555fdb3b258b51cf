/** A page's claimant: kept over a reload, shared with no other page. */

import assert from "node:assert/strict";
import test from "node:test";

import { takeClaimant } from "../../../../actors/web/js/claimant.js";

class Page extends EventTarget {
  document = {};
  #items;

  constructor(items = new Map()) {
    super();
    this.#items = items;
    this.sessionStorage = {
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => void items.set(key, value),
      removeItem: (key) => void items.delete(key),
    };
    this.addEventListener = super.addEventListener.bind(this);
  }

  reload() {
    this.dispatchEvent(new Event("pagehide"));
    return new Page(this.#items);
  }

  duplicate() {
    return new Page(new Map(this.#items));
  }
}

test("a reload keeps the claimant", () => {
  const page = new Page();
  const claimant = takeClaimant(page);
  assert.ok(claimant.length >= 16);
  assert.equal(takeClaimant(page.reload()), claimant);
});

test("a duplicated tab, which gets a copy of sessionStorage, has its own claimant", () => {
  const page = new Page();
  const claimant = takeClaimant(page);
  const reloaded = page.reload();
  assert.equal(takeClaimant(reloaded), claimant);
  assert.notEqual(takeClaimant(reloaded.duplicate()), claimant);
});

test("a page that comes back from the browser's cache has the same claimant", () => {
  const page = new Page();
  takeClaimant(page);
  page.dispatchEvent(new Event("pagehide"));
  page.dispatchEvent(new Event("pageshow"));
  assert.equal(page.sessionStorage.getItem("adjourn.claimant"), null);
});

test("without sessionStorage there is still a claimant", () => {
  const page = new Page();
  Object.defineProperty(page, "sessionStorage", {
    get: () => {
      throw new Error("sandboxed");
    },
  });
  assert.ok(takeClaimant(page).length >= 16);
});

/** The page draws texts of models, tools and people as elements and text, and redraws only what has changed. */

import assert from "node:assert/strict";
import test from "node:test";

import "./dom.js";

import { attachmentOf, labelOf } from "../../../../actors/web/page/attachment.js";
import { element, fill } from "../../../../actors/web/page/element.js";
import { Markdown } from "../../../../actors/web/page/markdown.js";
import { Prose } from "../../../../actors/web/page/prose.js";
import { sourcesOf } from "../../../../actors/web/page/sources.js";
import { fieldsOf } from "../../../../actors/web/page/value.js";
import { until } from "./script.js";

const HOSTILE = "<img src=x onerror=alert(1)>";

/** Returns a prose whose texts are parsed to their entry in `documents`; other texts become one paragraph. */
function prose(documents = {}) {
  const post = async (path, { texts }) => ({
    documents: texts.map((text) => documents[text] ?? [{ tag: "p", children: [text] }]),
  });
  return new Prose(new Markdown({ post }));
}

async function shown(documents, text = "text") {
  const view = prose(documents);
  view.show(text, false);
  await until(() => view.element.querySelector(".plain") === null);
  return view.element;
}

test("text is never parsed as HTML", async () => {
  const made = element("p", { title: HOSTILE }, HOSTILE);
  fill(made, [HOSTILE, element("b", {}, HOSTILE)]);
  const drawn = await shown({
    text: [
      { tag: "p", children: [HOSTILE] },
      { tag: "img", children: [HOSTILE] },
    ],
  });
  const arguments_ = fieldsOf({ [HOSTILE]: HOSTILE, more: { [HOSTILE]: [HOSTILE] } });
  for (const each of [made, drawn, arguments_]) {
    assert.equal(each.querySelector("img"), null);
    assert.ok(each.textContent.includes(HOSTILE));
  }
});

test("nodes become elements, with their links and languages", async () => {
  const drawn = await shown({
    text: [
      { tag: "h1", children: ["Title"] },
      { tag: "ol", start: 3, children: [{ tag: "li", children: ["three"] }] },
      { tag: "pre", language: "python", children: ["x < 1"] },
      { tag: "p", children: [{ tag: "a", href: "https://example.org/", children: ["there"] }] },
    ],
  });
  assert.equal(drawn.querySelector("h2").textContent, "Title"); // below the page's own heading
  assert.equal(drawn.querySelector("ol").start, 3);
  assert.deepEqual(
    [
      drawn.querySelector("pre").ariaLabel ?? drawn.querySelector("pre").getAttribute("aria-label"),
      drawn.querySelector("pre code").textContent,
    ],
    ["Code: python", "x < 1"],
  );
  assert.deepEqual(
    [drawn.querySelector("a").href, drawn.querySelector("a").rel],
    ["https://example.org/", "noopener noreferrer nofollow"],
  );
});

test("headings are below the page's own, and skip no level", async () => {
  const headings = ["h3", "h5", "h4", "h2", "h6"].map((tag) => ({ tag, children: [tag] }));
  const drawn = await shown({ text: headings });
  assert.deepEqual(
    [...drawn.children].map(({ tagName }) => tagName),
    ["H2", "H3", "H3", "H2", "H3"],
  );
});

test("a link that is no web address stays text", async () => {
  for (const href of ["javascript:alert(1)", "data:text/html,x", "//example.org", ""]) {
    const drawn = await shown({ text: [{ tag: "p", children: [{ tag: "a", href, children: ["click"] }] }] });
    assert.deepEqual([drawn.querySelector("a"), drawn.textContent], [null, "click"]);
  }
});

test("a text that grows keeps what is drawn above its end", async () => {
  const first = { tag: "p", children: ["First."] };
  const second = { tag: "p", children: ["Sec"] };
  const third = { tag: "p", children: ["Second"] };
  const documents = { "First.": [first], "First.\n\nSec": [first, second], "First.\n\nSecond": [first, third] };
  const view = prose(documents);
  view.show("First.", true);
  await until(() => view.element.querySelector(".plain") === null);
  view.show("First.\n\nSec", true);
  await until(() => view.element.children.length === 2);
  const [kept] = view.element.children;
  view.show("First.\n\nSecond", false);
  assert.equal(view.element.textContent, "First.Second"); // at once, before it is parsed
  await until(() => view.element.lastChild.childNodes.length === 1);
  assert.deepEqual([view.element.children[0], view.element.textContent], [kept, "First.Second"]);
});

test("characters that are invisible or reverse the order are shown by their code", () => {
  const drawn = fieldsOf({ to: "ann\u202e@evil\u200b.org\u0000" });
  assert.equal(drawn.querySelector("dd").textContent, "annU+202E@evilU+200B.orgU+0000");
  assert.equal(drawn.querySelectorAll("mark").length, 3);
  assert.equal(fieldsOf({ to: "two\nlines\tand 👍" }).querySelector("mark"), null);
});

test("filling an element doesn't touch children that stay", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => element("i", {}, name));
  const parent = element("div", {}, a, b);
  const moved = [];
  const { insertBefore } = parent;
  parent.insertBefore = function (node, before) {
    moved.push(node.textContent);
    return insertBefore.call(this, node, before);
  };
  fill(parent, [a, false, c, null, b]);
  assert.deepEqual([parent.textContent, moved], ["acb", ["c"]]);
});

test("an image or a file at an address is a link, and is not loaded", () => {
  const image = attachmentOf({ type: "imageUrl", url: "https://example.org/cat.png" }, "Image");
  const file = attachmentOf(
    { type: "file", mimeType: "application/pdf", name: "a.pdf", url: "https://example.org/a.pdf" },
    "File",
  );
  for (const drawn of [image, file]) {
    assert.equal(drawn.querySelector("img, iframe, object, embed"), null);
    assert.match(drawn.querySelector("a").getAttribute("href"), /^https:/);
    assert.equal(drawn.querySelector("a").getAttribute("rel"), "noopener noreferrer nofollow");
  }
  assert.equal(file.textContent, "File a.pdf (application/pdf)");
});

test("an address that is no web address is not a link", () => {
  for (const url of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", ""])
    assert.equal(attachmentOf({ type: "imageUrl", url }, "Image").querySelector("a"), null);
  assert.equal(
    attachmentOf({ type: "file", mimeType: "text/html", name: HOSTILE, data: "" }, "File").querySelector("img"),
    null,
  );
});

test("a recording and an unknown block are notes", () => {
  assert.equal(attachmentOf({ type: "audio", data: "", mimeType: "audio/wav" }, "").textContent, "Recording (audio/wav)");
  assert.equal(labelOf({ type: "smell" }), "Something that this page can't show");
});

test("the sources of a message are links, each once, whatever API told of them", () => {
  const citations = [
    { type: "web_search_result_location", url: "https://example.org/a", title: "A", cited_text: "a" },
    { type: "url_citation", url_citation: { url: "https://example.org/b", title: "B" } },
    { type: "url_citation", url: "https://example.org/a", title: "A again" },
    { type: "file_citation", filename: "c.pdf" },
    { type: "url_citation", url: "javascript:alert(1)", title: HOSTILE },
    { type: "unknown", url: 7, title: null },
  ];
  const drawn = sourcesOf([{ type: "text", text: "x", citations }, { type: "text", text: "y" }]);
  assert.deepEqual(
    drawn.map((each) => [each.textContent, each.querySelector("a")?.getAttribute("href")]),
    [
      ["A", "https://example.org/a"],
      ["B", "https://example.org/b"],
      ["c.pdf", undefined],
      [HOSTILE, undefined],
    ],
  );
});

/** The forms of decisions: a JSON Schema becomes fields, fields a value, and errors reach their fields. */

import assert from "node:assert/strict";
import test from "node:test";

import { enter, labelled, pressed } from "./dom.js";
import { decisionForm, FormError } from "../../../../actors/web/page/form.js";

let forms = 0;
const form = (schema, more = {}) => {
  const made = decisionForm({ schema, idPrefix: `form${(forms += 1)}`, ...more });
  document.body.replaceChildren(made.element);
  return made;
};
const object = (properties, required = Object.keys(properties), more = {}) => ({
  type: "object",
  properties,
  required,
  ...more,
});
const optional = (properties) => object(properties, []);

/** Returns the errors of `value()`, as [path, message]. */
function refused(made) {
  try {
    made.value();
  } catch (error) {
    assert.ok(error instanceof FormError, error.stack);
    return error.errors.map(({ path, message }) => [path, message]);
  }
  return [];
}

/** Returns the error beside a control, as assistive technology finds it. */
function errorOf(control) {
  const ids = control.getAttribute("aria-describedby").split(" ");
  return ids.map((id) => document.getElementById(id)).find((each) => each.className === "form-error").textContent;
}

// Every value that a schema allows can be filled in, and is read back unchanged.

const TREE = {
  $defs: {
    node: object({ name: { type: "string" }, children: { type: "array", items: { $ref: "#/$defs/node" } } }, ["name"]),
  },
  $ref: "#/$defs/node",
};
const PAYMENT = {
  oneOf: [
    object({ kind: { const: "card" }, number: { type: "string" } }),
    object({ kind: { const: "transfer" }, iban: { type: "string" }, urgent: { type: "boolean" } }),
  ],
};
const ADDRESS = object({ street: { type: "string" }, zip: { type: "string", pattern: "^\\d{5}$" } }, ["street"]);

/** [what, schema, values…] */
const SCHEMAS = [
  ["a boolean", { type: "boolean" }, true, false],
  ["an optional boolean", optional({ a: { type: "boolean" } }), {}, { a: true }, { a: false }],
  ["an optional boolean with a default", optional({ a: { type: "boolean", default: true } }), {}, { a: false }],
  ["a short enum", { enum: ["a", "b"] }, "a", "b"],
  ["a long enum", { enum: ["a", "b", "c", "d", "e", "f"] }, "f"],
  ["an enum of other things than text", { enum: [1, "1", true, { a: [1] }, [2]] }, 1, "1", true, { a: [1] }, [2]],
  ["an enum with null", { enum: ["a", null] }, "a", null],
  ["an enum with null, optional", optional({ a: { enum: ["a", null] } }), {}, { a: null }, { a: "a" }],
  ["an optional constant", optional({ sure: { const: true } }), {}, { sure: true }],
  ["a constant", object({ v: { const: 3 } }), { v: 3 }],
  ["a number", { type: "number" }, 0, -1.5, 1e21, 1e-7, 5e-324, 2 ** 53],
  ["an integer", { type: "integer", minimum: 0, maximum: 9 }, 0, 9],
  ["a number with bounds", { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1, multipleOf: 0.1 }, 0.3, 0.7],
  ["an optional number", optional({ n: { type: "number" } }), {}, { n: 0 }],
  ["text", { type: "string" }, "x", " x ", "a\nb", "a\r\nb", "007", "<b>", "👩‍🚀", "x".repeat(200)],
  ["text that may be empty", object({ t: { type: "string" } }), { t: "" }, { t: " " }],
  ["optional text", optional({ t: { type: "string" } }), {}, { t: "" }, { t: "x" }],
  ["long text", { type: "string", maxLength: 5000 }, "a\nb"],
  ["a date", { type: "string", format: "date" }, "2026-11-28", "0999-01-01"],
  [
    "a moment",
    { type: "string", format: "date-time" },
    "2026-11-28T10:30:00Z",
    "2026-11-28T10:30:00.123456+05:30",
    "2016-12-31T23:59:60Z",
  ],
  ["a time", { type: "string", format: "time" }, "10:30:00Z", "10:30:05.5+02:00"],
  ["an address of mail", { type: "string", format: "email" }, "ada@example.com"],
  ["an address of the web", { type: "string", format: "uri" }, "https://example.com/?q=ä"],
  ["null or text", { anyOf: [{ type: "string" }, { type: "null" }] }, null, "x", ""],
  ["null or a number, by type", object({ n: { type: ["number", "null"] } }), { n: null }, { n: 3 }],
  ["null or text, optional", optional({ t: { type: ["string", "null"] } }), {}, { t: null }, { t: "x" }],
  ["null or an object", object({ o: { anyOf: [ADDRESS, { type: "null" }] } }), { o: null }, { o: { street: "s" } }],
  [
    "null or an object, optional",
    optional({ o: { anyOf: [ADDRESS, { type: "null" }] } }),
    {},
    { o: null },
    { o: { street: "s" } },
  ],
  ["only null", object({ n: { type: "null" } }), { n: null }],
  ["several types", object({ x: { type: ["string", "integer", "boolean"] } }), { x: "1" }, { x: 1 }, { x: true }],
  ["nested objects", object({ a: object({ b: object({ c: { type: "string" } }) }) }), { a: { b: { c: "x" } } }],
  [
    "an optional object",
    optional({ home: ADDRESS }),
    {},
    { home: { street: "s" } },
    { home: { street: "s", zip: "12345" } },
  ],
  [
    "an object that may be empty",
    optional({ o: optional({ t: { type: "string" } }) }),
    {},
    { o: {} },
    { o: { t: "x" } },
  ],
  ["a list", { type: "array", items: { type: "string" } }, [], ["a"], ["b", "a", ""]],
  ["an optional list", optional({ l: { type: "array", items: { type: "integer" } } }), {}, { l: [] }, { l: [3, 1] }],
  ["a list of lists", { type: "array", items: { type: "array", items: { type: "number" } } }, [[1, 2], [], [3]]],
  [
    "a list with a least length",
    { type: "array", items: { type: "boolean" }, minItems: 2 },
    [true, false],
    [true, true, true],
  ],
  ["a list of any values", { type: "array" }, [1, "a", null, { b: [] }]],
  ["a checklist", { type: "array", items: { enum: ["a", "b", "c"] }, uniqueItems: true }, [], ["c", "a"], ["a"]],
  [
    "an optional checklist",
    optional({ l: { type: "array", items: { enum: ["a", "b"] }, uniqueItems: true } }),
    {},
    { l: [] },
    { l: ["b"] },
  ],
  [
    "a tuple",
    { type: "array", prefixItems: [{ type: "string" }, { type: "number" }], items: false, minItems: 2 },
    ["a", 1],
  ],
  ["a tuple of draft 7", { type: "array", items: [{ type: "string" }, { type: "number" }], minItems: 2 }, ["a", 1]],
  [
    "a tuple whose end may be missing",
    { prefixItems: [{ type: "string" }, { type: "number" }], minItems: 1 },
    ["a"],
    ["a", 1],
  ],
  [
    "a tuple with more behind",
    { prefixItems: [{ type: "string" }], items: { type: "number" } },
    ["a"],
    ["a", 1, 2],
    [],
  ],
  ["a choice by a constant", PAYMENT, { kind: "card", number: "4" }, { kind: "transfer", iban: "DE", urgent: true }],
  ["an optional choice", optional({ p: PAYMENT }), {}, { p: { kind: "card", number: "" } }],
  ["a choice by format", { oneOf: [{ type: "string", format: "date" }, { type: "string" }] }, "soon", "2026-11-28"],
  [
    "a choice by bounds",
    {
      anyOf: [
        { type: "integer", maximum: 3 },
        { type: "string", minLength: 2 },
      ],
    },
    3,
    "ab",
  ],
  [
    "a choice of constants with titles",
    {
      oneOf: [
        { const: 1, title: "One" },
        { const: 2, title: "Two" },
      ],
    },
    2,
  ],
  [
    "a choice with more beside it",
    { type: "object", properties: { id: { type: "string" } }, required: ["id"], ...PAYMENT },
    { id: "7", kind: "card", number: "4" },
  ],
  [
    "a choice of what is required",
    {
      ...optional({ a: { type: "string" }, b: { type: "string" } }),
      anyOf: [{ required: ["a"] }, { required: ["b"] }],
    },
    { b: "x" },
  ],
  [
    "parts that all hold",
    { allOf: [object({ a: { type: "string" } }), object({ b: { type: "integer" } })] },
    { a: "x", b: 1 },
  ],
  [
    "a reference with words beside it",
    { $defs: { a: { type: "integer" } }, ...object({ a: { $ref: "#/$defs/a", title: "A" } }) },
    { a: 1 },
  ],
  [
    "a reference of draft 7",
    { definitions: { "a/b": { type: "integer" } }, ...object({ a: { $ref: "#/definitions/a~1b" } }) },
    { a: 1 },
  ],
  ["recursion", TREE, { name: "a" }, { name: "a", children: [{ name: "b", children: [] }, { name: "c" }] }],
  [
    "recursion to the root",
    { ...object({ next: { $ref: "#" }, n: { type: "integer" } }, ["n"]) },
    { n: 1, next: { n: 2, next: { n: 3 } } },
  ],
  ["free properties", { type: "object" }, {}, { a: 1, "b c": "x", __proto__x: null }],
  ["free properties of a type", { type: "object", additionalProperties: { type: "integer" } }, {}, { a: 1 }],
  ["properties beside those named", optional({ a: { type: "string" } }), { a: "x", other: [1] }],
  ["a property that is required but not described", { type: "object", required: ["a"] }, { a: { b: 1 } }],
  [
    "names like those of objects' own",
    object({ constructor: { type: "string" }, toString: { type: "integer" } }),
    { constructor: "x", toString: 1 },
  ],
  ["anything", true, 1, "x", null, [1, { a: null }]],
  ["rules that have no fields", { ...object({ a: { type: "string" } }), if: {}, then: {} }, { a: "x" }],
  ["a reference elsewhere", { $ref: "https://example.com/schema" }, { a: 1 }],
];

for (const [what, schema, ...values] of SCHEMAS) {
  test(`${what} is read back as it was filled in`, () => {
    for (const value of values) {
      const made = form(schema);
      made.fill(value);
      assert.deepEqual(made.value(), value);
    }
  });
}

// Values that a person enters.

/** [what, schema, label, entry, value] */
const ENTRIES = [
  ["text", object({ order_id: { type: "string" } }), "Order id", "a", { order_id: "a" }],
  [
    "a label from camel case",
    object({ maxAmountEUR: { type: "string" } }),
    "Max amount EUR",
    "a",
    { maxAmountEUR: "a" },
  ],
  ["a title before the name", object({ x: { type: "string", title: "Your name" } }), "Your name", "a", { x: "a" }],
  ["an integer", object({ n: { type: "integer" } }), "N", " 7 ", { n: 7 }],
  ["an integer by exponent", object({ n: { type: "integer" } }), "N", "1e3", { n: 1000 }],
  ["a date", object({ d: { type: "string", format: "date" } }), "D", "2026-11-28", { d: "2026-11-28" }],
  [
    "a moment in summer",
    object({ d: { type: "string", format: "date-time" } }),
    "D",
    "2026-07-01T09:00",
    { d: "2026-07-01T09:00:00+02:00" },
  ],
  [
    "a moment in winter",
    object({ d: { type: "string", format: "date-time" } }),
    "D",
    "2026-12-01T09:00",
    { d: "2026-12-01T09:00:00+01:00" },
  ],
  ["one of many", object({ e: { enum: ["a", "b", "c", "d", "e"] } }), "E", "d", { e: "d" }],
  ["JSON", object({ j: {} }), "J", '{"a": [1]}', { j: { a: [1] } }],
  [
    "a field of a model that others refer to",
    { $defs: { a: { title: "A", type: "string" } }, ...object({ home: { $ref: "#/$defs/a" } }) },
    "Home",
    "x",
    { home: "x" },
  ],
  ["a tick", optional({ home: optional({ t: { type: "string" } }) }), "Home", true, { home: {} }],
];

for (const [what, schema, label, entry, value] of ENTRIES) {
  test(`${what} can be entered`, () => {
    const made = form(schema);
    enter(labelled(made.element, label), entry);
    assert.deepEqual(made.value(), value);
  });
}

test("defaults are filled in, deep ones too", () => {
  const address = { ...ADDRESS, default: { street: "Main", zip: "12345" } };
  const made = form(
    object({ n: { type: "integer", default: 3 }, e: { enum: ["a", "b"], default: "b" }, home: address }),
  );
  assert.deepEqual(made.value(), { n: 3, e: "b", home: { street: "Main", zip: "12345" } });
});

test("a default that the schema does not allow is left out", () => {
  const made = form(optional({ t: { type: "string", default: null }, e: { enum: ["a", "b"], default: "c" } }));
  assert.deepEqual(made.value(), {});
});

test("a type in an array of one is that type", () => {
  const made = form(object({ n: { type: ["integer"] } }));
  enter(labelled(made.element, "N"), "1.5");
  assert.deepEqual(refused(made), [["/n", "Expected a whole number."]]);
});

test("a field names its invisible characters", () => {
  const made = form(object({ t: { type: "string" }, u: { type: "string" } }));
  made.fill({ t: "a\u202eb\u0000", u: "👩‍🚀 é\n\t" });
  assert.match(made.element.textContent, /can't be seen: U\+202E, U\+0000\./);
  assert.equal(made.element.textContent.split("can't be seen").length, 2);
});

test("an optional text that is cleared is left out; a required one that had text may be empty", () => {
  const made = form(object({ a: { type: "string" }, b: { type: "string" } }, ["b"]));
  made.fill({ a: "x", b: "y" });
  for (const label of ["A", "B"]) enter(labelled(made.element, label), "");
  assert.deepEqual(made.value(), { b: "" });
});

test("no default is chosen: a decision needs each required field", () => {
  const made = form(object({ ok: { type: "boolean" }, why: { type: "string" }, how: PAYMENT, n: { type: "integer" } }));
  assert.deepEqual(refused(made), [
    ["/ok", "Choose one."],
    ["/why", "Fill this in."],
    ["/how", "Choose one."],
    ["/n", "Fill this in."],
  ]);
  assert.equal(document.activeElement.type, "radio");
});

/** [what, schema, entry, message] */
const REFUSALS = [
  ["a number too large to hold", { type: "number" }, "1e400", /too large, or too close to 0/],
  ["a number too small to hold", { type: "number" }, "1e-400", /too large, or too close to 0/],
  ["an integer that would be rounded", { type: "integer" }, "9007199254740993", /would be rounded/],
  ["an integer that would be rounded, by exponent", { type: "number" }, "1e20", /would be rounded/],
  ["leading zeros", { type: "integer" }, "007", /without leading zeros/],
  ["a comma", { type: "number" }, "79,50", /a point, not a comma: 79\.50/],
  ["no number", { type: "number" }, "twelve", /Expected a number, such as/],
  ["a fraction", { type: "integer" }, "1.5", /whole number/],
  ["too little", { type: "integer", minimum: 5 }, "4", /at least 5/],
  ["too much", { type: "number", exclusiveMaximum: 1 }, "1", /less than 1/],
  ["no multiple", { type: "number", multipleOf: 0.01 }, "0.005", /multiple of 0\.01/],
  ["too few characters", { type: "string", minLength: 3 }, "👍👍", /at least 3 characters, not 2/],
  ["too many characters", { type: "string", maxLength: 2 }, "abc", /at most 2 characters, not 3/],
  ["another form", { type: "string", pattern: "^a+$" }, "b", /of the form \^a\+\$/],
  ["half a character", { type: "string" }, "a\ud83d", /half a character/],
  ["half a character in JSON", {}, '"\\ud83d"', /half a character/],
  ["no mail address", { type: "string", format: "email" }, "ada", /e-mail address/],
  ["no JSON", {}, "{'a': 1}", /not JSON: .* double quotes/],
  ["an integer in JSON that would be rounded", {}, "[9007199254740993]", /would be rounded/],
];

for (const [what, schema, entry, message] of REFUSALS) {
  test(`${what} is refused in words, beside its field`, () => {
    const made = form(object({ x: schema }));
    const control = labelled(made.element, "X");
    enter(control, entry);
    const [[path, said]] = refused(made);
    assert.equal(path, "/x");
    assert.match(said, message);
    assert.deepEqual([errorOf(control), control.getAttribute("aria-invalid")], [said, "true"]);
    enter(control, entry);
    assert.deepEqual([errorOf(control), control.getAttribute("aria-invalid")], ["", null]);
  });
}

test("the items of a list are added, moved and removed, and the focus stays with them", () => {
  const made = form(object({ l: { type: "array", items: { type: "string" }, maxItems: 3 } }));
  for (const text of ["a", "b", "c"]) {
    pressed(made.element, "Add to L");
    enter(document.activeElement, text);
  }
  assert.equal(made.element.querySelector(".form-group > button").hidden, true);
  pressed(made.element, "Move Item 3 up");
  assert.deepEqual([document.activeElement.ariaLabel, made.value()], ["Move Item 2 up", { l: ["a", "c", "b"] }]);
  pressed(made.element, "Remove Item 1");
  assert.deepEqual([document.activeElement.ariaLabel, made.value()], ["Remove Item 1", { l: ["c", "b"] }]);
});

test("a list draws its required items, and refuses duplicates", () => {
  const made = form(
    object({ l: { type: "array", items: { type: "string" }, uniqueItems: true, minItems: 2, maxItems: 3 } }),
  );
  assert.match(labelled(made.element, "L").textContent, /2 to 3 items\./);
  made.fill({ l: ["a", "a"] });
  assert.deepEqual(refused(made), [["/l", "Expected each item only once."]]);
  made.fill({ l: ["a"] });
  assert.deepEqual(refused(made), [["/l/1", "Fill this in."]]);
  made.showErrors([{ path: "/l", message: "too few" }]);
  assert.equal(errorOf(labelled(made.element, "L")), "too few");
  pressed(made.element, "Add to L");
  assert.equal(errorOf(labelled(made.element, "L")), "");
});

test("an optional part is drawn when it is ticked, at any depth of the schema", () => {
  const made = form(TREE);
  enter(labelled(made.element, "Name"), "root");
  enter(labelled(made.element, "Children"), true);
  pressed(made.element, "Add to Children");
  assert.equal(document.activeElement, labelled(made.element.querySelector("li"), "Name"));
  enter(document.activeElement, "leaf");
  assert.deepEqual(made.value(), { name: "root", children: [{ name: "leaf" }] });
});

test("a schema that requires itself ends as JSON", () => {
  const made = form({ $ref: "#/$defs/a", $defs: { a: object({ a: { $ref: "#/$defs/a" } }) } });
  assert.match(made.element.textContent, /Write it as JSON: it is nested too deep/);
});

test("a choice shows the fields of the chosen branch, and its discriminator only once", () => {
  const made = form(object({ how: PAYMENT }));
  enter(labelled(made.element, "Transfer"), true);
  assert.doesNotMatch(made.element.textContent, /Kind/);
  enter(labelled(made.element, "Iban"), "DE1");
  enter(labelled(made.element, "Yes"), true);
  assert.deepEqual(made.value(), { how: { kind: "transfer", iban: "DE1", urgent: true } });
});

test("free properties are rows of a name and a value", () => {
  const made = form({ type: "object", additionalProperties: { type: "integer" } });
  pressed(made.element, "Add a row");
  assert.deepEqual(refused(made), [
    ["", "Each row needs a name."],
    ["/", "Fill this in."],
  ]);
  enter(labelled(made.element, "Name"), "a/b");
  enter(labelled(made.element, "Value"), "7");
  assert.deepEqual(made.value(), { "a/b": 7 });
});

test("the label of an optional field says which value an empty one stands for", () => {
  const made = form(optional({ n: { type: "integer", default: 3 }, s: { type: "string", default: "x".repeat(99) } }));
  const labels = [...made.element.querySelectorAll("label")].map((label) => label.textContent);
  assert.deepEqual(labels, ["N (optional: 3 if left empty)", "S (optional)"]);
});

// Errors of the server.

test("errors of the server are shown beside their fields, also in a choice, and others on top", () => {
  const made = form(object({ how: PAYMENT, l: { type: "array", items: ADDRESS } }));
  made.fill({ how: { kind: "card", number: "4" }, l: [{ street: "a" }, { street: "b" }] });
  made.showErrors([
    { path: "/how/number", message: "no such card" },
    { path: "/l/1/street", message: "no such street" },
    { path: "/how/kind", message: "not today" },
    { path: "", message: "the shop is closed" },
  ]);
  const streets = [...made.element.querySelectorAll("label")].filter((label) => label.textContent === "Street");
  assert.equal(errorOf(labelled(made.element, "Number")), "no such card");
  assert.deepEqual(
    streets.map((label) => errorOf(document.getElementById(label.htmlFor))),
    ["", "no such street"],
  );
  const notes = made.element.querySelector("[role=alert]");
  assert.deepEqual(
    [...notes.children].map((line) => line.textContent),
    ["/how/kind: not today", "the shop is closed"],
  );
  assert.equal(document.activeElement, labelled(made.element, "Number"));
  enter(labelled(made.element, "Number"), "5");
  assert.deepEqual([notes.hidden, errorOf(labelled(made.element, "Number"))], [true, ""]);
});

test("errors of the server within JSON and a checklist are shown beside these, with their path", () => {
  const made = form(object({ j: {}, l: { type: "array", items: { enum: ["a", "b"] }, uniqueItems: true } }));
  made.showErrors([
    { path: "/j/a/0", message: "expected integer" },
    { path: "/l/0", message: "not this one" },
  ]);
  assert.equal(errorOf(labelled(made.element, "J")), "/j/a/0: expected integer");
  assert.equal(errorOf(labelled(made.element, "L")), "not this one");
});

test("an error about a whole decision that is one field is shown beside that field", () => {
  const made = form({ type: "integer", title: "How many" });
  made.showErrors([{ path: "", message: "too many" }]);
  assert.equal(errorOf(labelled(made.element, "How many")), "too many");
});

// Approvals and arguments.

test("an approval asks for a reason at most", () => {
  const made = form(undefined, { approval: true });
  assert.deepEqual(
    [made.value("approve"), made.value("decline"), made.reason()],
    [{ approved: true }, { approved: false }, undefined],
  );
  enter(labelled(made.element, "Reason"), "a regular");
  assert.deepEqual(made.value("approve"), { approved: true, reason: "a regular" });
  assert.equal(made.reason(), "a regular");
});

const CALL = {
  approval: true,
  input: { order_id: 7, amount: 79.5, note: "", tags: ["a"] },
  parameters: object(
    { order_id: { type: "integer" }, amount: { type: "number", minimum: 0 }, note: { type: "string" } },
    ["order_id", "amount"],
  ),
};

test("editable arguments are filled with the model's, and only what was edited makes new ones", () => {
  const made = form(undefined, { ...CALL, editable: ["amount"] });
  assert.equal(made.arguments(), undefined);
  const amount = labelled(made.element, "Amount");
  assert.equal(amount.value, "79.5");
  enter(amount, "20");
  assert.deepEqual(made.arguments(), { order_id: 7, amount: 20, note: "", tags: ["a"] });
  enter(amount, "79.5");
  assert.equal(made.arguments(), undefined);
});

test("an argument that was not edited is not checked again", () => {
  const parameters = object({ to: { type: "string", format: "email" } });
  const made = form(undefined, { approval: true, editable: true, parameters, input: { to: '"a b"@example.com' } });
  assert.deepEqual([made.value("approve"), made.arguments()], [{ approved: true }, undefined]);
});

test("where all arguments are editable, those that the schema does not describe are fields too", () => {
  const made = form(undefined, { ...CALL, editable: true });
  assert.equal(made.arguments(), undefined);
  enter(labelled(made.element, "Value"), '["b"]');
  assert.deepEqual(made.arguments(), { ...CALL.input, tags: ["b"] });
});

test("wrong arguments and a missing decision are shown at once, whichever is read", () => {
  const made = form(object({ ok: { type: "boolean" } }), { ...CALL, approval: false, editable: ["amount"] });
  enter(labelled(made.element, "Amount"), "-1");
  assert.deepEqual(refused(made), [
    ["/arguments/amount", "Expected at least 0."],
    ["/ok", "Choose one."],
  ]);
  assert.throws(() => made.arguments(), FormError);
});

test("an error of the server about an argument is shown beside it", () => {
  const made = form(undefined, { ...CALL, editable: ["amount"] });
  made.showErrors([{ path: "/arguments/amount", message: "over the limit" }]);
  assert.equal(errorOf(labelled(made.element, "Amount")), "over the limit");
});

test("every control has a label, and every id is unique", () => {
  for (const [, schema, ...values] of SCHEMAS) {
    const made = form(schema);
    made.fill(values.at(-1));
    const ids = [...made.element.querySelectorAll("[id]")].map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const control of made.element.querySelectorAll("input, select, textarea")) {
      assert.ok(control.labels.length > 0 && control.labels[0].textContent !== "", control.outerHTML);
    }
  }
});

test("texts of a schema are never parsed as HTML", () => {
  const hostile = "<img src=x onerror=alert(1)>";
  const made = form(
    object({ [hostile]: { type: "string", title: hostile, description: hostile, examples: [hostile] } }),
  );
  assert.equal(made.element.querySelector("img"), null);
  assert.ok(made.element.textContent.includes(hostile));
});

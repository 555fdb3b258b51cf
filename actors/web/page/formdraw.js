/** Draws the field of a schema, with its default filled in. */

import { ChecklistField } from "./formchecklist.js";
import { ChoiceField, ConstantField } from "./formchoice.js";
import { Field } from "./formfield.js";
import { fits } from "./formfits.js";
import { ListField } from "./formlist.js";
import { ObjectField } from "./formobject.js";
import { OptionalField } from "./formoptional.js";
import { SchemaReader } from "./formschema.js";
import { TextField } from "./formtext.js";
import { VariantsField } from "./formvariants.js";

/** @import { Form, Place } from "./formfield.js" @import { Shape } from "./formschema.js" */

const MAX_DEPTH = 8; // levels drawn at once: a schema that requires itself would have no end

const PARTS = ["object", "list", "variants"]; // optional ones have a checkbox

const FIELDS = {
  constant: ConstantField,
  choice: ChoiceField,
  checklist: ChecklistField,
  text: TextField,
  number: TextField,
  json: TextField,
  object: ObjectField,
  list: ListField,
  variants: VariantsField,
};

/**
 * Draws the field of a whole document.
 * @param {Record<string, any> | boolean} root
 * @param {Place} place
 * @param {() => string} newId
 * @returns {Field}
 */
export function drawRoot(root, place, newId) {
  const reader = new SchemaReader(root);
  let depth = 0;
  /** @type {Form} */
  const form = {
    reader,
    newId,
    draw: (schema, place) => form.drawShape(reader.read(schema), place),
    drawShape(shape, place) {
      depth += 1;
      try {
        return drawn(form, depth > MAX_DEPTH ? { ...shape, kind: "json", why: "it is nested too deep" } : shape, place);
      } finally {
        depth -= 1;
      }
    },
  };
  return form.draw(root, place);
}

/** @param {Form} form @param {Shape} shape @param {Place} place */
function drawn(form, shape, place) {
  const field = fieldOf(form, shape, place);
  const { default: given, ...schema } = shape.schema;
  const isMeant = given === null ? shape.nullable : given !== undefined && fits(given, schema, form.reader);
  if (isMeant) field.fill(given);
  return field;
}

/** @param {Form} form @param {Shape} shape @param {Place} place */
function fieldOf(form, shape, place) {
  const mayBeAbsent = !place.required || shape.nullable;
  if (mayBeAbsent && PARTS.includes(shape.kind)) return new OptionalField(form, shape, place);
  if (mayBeAbsent && shape.kind === "constant") return new ChoiceField(form, shape, place);
  return new FIELDS[shape.kind](form, shape, place);
}

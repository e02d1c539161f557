import assert from "node:assert/strict";
import { test } from "node:test";

import { Ajv } from "ajv";
import fc from "fast-check";

import { checkSchema } from "../../../src/app/config/schema-check.ts";
import { configurationSchema, type OptionSchema } from "../../../src/app/config/schema.ts";

/** A general validator's account of the same, less what it says beside a wrong type. */
function byAjv(value: unknown): readonly string[] {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, allowUnionTypes: true, strictRequired: false });
  ajv.addVocabulary(["secret", "shorthand"]);
  compiled ??= ajv.compile(configurationSchema);
  compiled(value);
  const errors = compiled.errors ?? [];
  const mistyped = new Set(errors.flatMap(({ keyword, instancePath }) => (keyword === "type" ? [instancePath] : [])));
  return errors
    .filter(({ keyword, instancePath }) => keyword === "type" || !mistyped.has(instancePath))
    .map(({ keyword, instancePath, params }) => {
      const path = instancePath.split("/").slice(1);
      const member: unknown = params["missingProperty"] ?? params["additionalProperty"];
      const parts = path.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
      return JSON.stringify([keyword, ...parts, ...(member === undefined ? [] : [member])]);
    });
}
let compiled: ReturnType<Ajv["compile"]> | null = null;

const texts = fc.oneof(
  fc.constantFrom(
    "",
    "x",
    "text",
    "ip",
    "http://h/q",
    "file:k",
    "x".repeat(65),
    "\u{1f600}".repeat(200),
    "\u{1f600}".repeat(1_001),
  ),
  fc.string({ unit: "grapheme", maxLength: 6 }),
);
const numbers = fc.oneof(fc.constantFrom(0, 1, 2.5, -1, 15, 65, 70_000, 1e300, Number.NaN), fc.integer({ min: 0, max: 5_000 }));
const anything = fc.oneof(
  { weight: 3, arbitrary: texts },
  { weight: 3, arbitrary: numbers },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(true, null, {}) },
  { weight: 1, arbitrary: fc.array(fc.constantFrom<unknown>("sns", "gzip", "zip", 1, {}), { maxLength: 3 }) },
);
/** Deep inside as often as at the top. */
const atAnyDepth = { depthSize: "max" } as const;
const otherName = fc.constantFrom("other", "a.b", "c/d", "e~f", "pipelin");

/** Values that are mostly as the schema wants them. */
function valueOf(schema: OptionSchema): fc.Arbitrary<unknown> {
  const { properties, additionalProperties, items, enum: allowed } = schema;
  const fitting: fc.Arbitrary<unknown>[] = [];
  if (allowed !== undefined) fitting.push(fc.constantFrom(...allowed));
  if (items !== undefined) fitting.push(fc.array(valueOf(items), { maxLength: 3 }));
  if (properties !== undefined || typeof additionalProperties === "object") {
    const known = Object.entries(properties ?? {}).map(
      ([name, member]) => [name, fc.option(valueOf(member), { nil: undefined, freq: 2, ...atAnyDepth })] as const,
    );
    const others = typeof additionalProperties === "object" ? valueOf(additionalProperties) : anything;
    const further = fc.dictionary(otherName, others, { maxKeys: typeof additionalProperties === "object" ? 3 : 1 });
    fitting.push(fc.tuple(fc.record(Object.fromEntries(known)), further).map(([own, more]) => withoutAbsent({ ...own, ...more })));
  }
  const kinds = [schema.type ?? []].flat();
  if (kinds.includes("string") && allowed === undefined) fitting.push(texts);
  if (kinds.includes("integer") || kinds.includes("number")) fitting.push(numbers);
  if (fitting.length === 0) return anything;
  return fc.oneof(atAnyDepth, { weight: 12, arbitrary: fc.oneof(atAnyDepth, ...fitting) }, { weight: 1, arbitrary: anything });
}

function withoutAbsent(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}

test("finds what a general JSON Schema validator finds, in its order, and fills in the same defaults", () => {
  let [sound, faulty] = [0, 0];
  fc.assert(
    fc.property(valueOf(configurationSchema), (value) => {
      const other = structuredClone(value);
      const own = checkSchema(value, configurationSchema).map(({ rule, path }) => JSON.stringify([rule, ...path]));
      assert.deepEqual(own, byAjv(other));
      assert.deepEqual(value, other);
      if (own.length === 0) sound += 1;
      else faulty += 1;
    }),
    { numRuns: 2_000 },
  );
  assert.ok(faulty > 500, `${sound} sound, ${faulty} faulty`);
});

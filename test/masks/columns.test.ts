import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { TextColumn } from "../../src/contract/text-column.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { canRecognise, type Mask } from "../../src/masks/mask.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";
import { everySample, type Sample, sampleMask } from "./samples.ts";

/** What a mask that is asked value by value makes of a column. */
function oneByOne(mask: Mask, values: readonly (string | null)[]): (string | null)[] {
  return values.map((value) => (value === null ? null : (mask.apply([value])[0] ?? null)));
}

function columnsOf({ any, values }: Sample): fc.Arbitrary<(string | null)[]> {
  return fc.array(fc.option(fc.oneof(any, fc.constantFrom(...values))), { maxLength: 40 });
}

for (const sample of everySample) {
  test(`${sample.name}: a column is masked as its values are, one by one`, () => {
    const mask = sampleMask(sample);
    const tokens = new TextColumn();
    fc.assert(
      fc.property(columnsOf(sample), fc.constantFrom<(string | null)[]>([], ["former", null]), (values, former) => {
        tokens.truncate(0);
        for (const value of former) tokens.add(value);
        const plain = TextColumn.of(values);
        mask.write(plain, tokens);
        assert.deepEqual(tokens.texts(), [...former, ...oneByOne(mask, values)]);
        assert.deepEqual(plain.texts(), values, "the values stay");
      }),
      { numRuns: 60 },
    );
  });
}

for (const sample of everySample.filter((each) => canRecognise(sampleMask(each)))) {
  test(`${sample.name}: the tokens in a column are found where they stand`, () => {
    const mask = sampleMask(sample);
    assert.ok(canRecognise(mask));
    const foreign = createMask(sample.definition, onlyKey(testKey("siv", "another.domain")));
    fc.assert(
      fc.property(columnsOf(sample), fc.array(fc.constantFrom("value", "token", "foreign", "forged", "cut")), (values, ways) => {
        const mixed = values.map((value, row) => {
          if (value === null) return null;
          const way = ways[row] ?? "value";
          if (way === "value") return value;
          const [token = ""] = (way === "foreign" ? foreign : mask).apply([value]);
          if (way === "forged") return `${token?.slice(0, -1)}${token?.endsWith("A") === true ? "Q" : "A"}`;
          return way === "cut" ? (token?.slice(0, -5) ?? null) : token;
        });
        const expected = mixed.flatMap((value, row) => (value !== null && mask.recognises([value])[0] === true ? [row] : []));
        assert.deepEqual(mask.recognisesIn(TextColumn.of(mixed)), expected);
        const sure = values.flatMap((value, row) => (value !== null && ways[row] === "token" ? [row] : []));
        assert.deepEqual(
          expected.filter((row) => sure.includes(row)),
          sure,
        );
      }),
      { numRuns: 60 },
    );
  });
}

test("a column with a value that its mask cannot take gives no token at all, and the next column all of its own", () => {
  for (const [definition, unfit] of [
    [maskDefinition({ kind: "siv", type: "ip", encode: "packed" }), "203.0.113"],
    [maskDefinition({ kind: "siv", type: "uuid", encode: "packed" }), "203.0.113.77"],
    [maskDefinition({ kind: "hmac", type: "ip", encode: "packed" }), "203.0.113.777"],
    [maskDefinition({ kind: "cmac", type: "ip", encode: "packed" }), "2001:db8::1::2"],
    [maskDefinition({ kind: "ipcrypt", type: "ip" }), "é"],
    [maskDefinition({ kind: "ff1" }), "1"],
  ] as const) {
    const mask = createMask(definition, onlyKey(testKey(definition.kind, definition.domain ?? "")));
    const fit =
      definition.kind === "ff1" ? "593475928" : definition.type === "ip" ? "203.0.113.77" : "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11";
    const tokens = TextColumn.of(["former"]);
    assert.throws(() => mask.write(TextColumn.of([fit, unfit, fit]), tokens), {
      name: "MasklineError",
      message: /^a value [^.:]+$/u,
    });
    assert.deepEqual(tokens.texts(), ["former"]);
    mask.write(TextColumn.of([fit, null]), tokens);
    assert.deepEqual(tokens.texts(), ["former", mask.apply([fit])[0], null]);
  }
});

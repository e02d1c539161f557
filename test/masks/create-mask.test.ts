import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";

import * as fc from "fast-check";

import { countCharacters } from "../../src/contract/text.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { maskFingerprint } from "../../src/masks/fingerprint.ts";
import { canOpen, canRecognise, type MaskDefinition, maskFacts, maskKinds } from "../../src/masks/mask.ts";
import { onlyKey, testKey } from "./masks.ts";
import { everySample, sampleMask, samples } from "./samples.ts";

for (const sample of everySample) {
  const { name, definition, form, values, any } = sample;
  const facts = maskFacts[definition.kind];
  describe(name, () => {
    test("is what the table says", () => {
      const mask = sampleMask(sample);
      const { input, reversible, keyed, tagged } = facts;
      assert.deepEqual([mask.input, mask.reversible, mask.keyed, mask.tagged, mask.form], [input, reversible, keyed, tagged, form]);
      assert.deepEqual([canOpen(mask), canRecognise(mask)], [facts.reversible, facts.authenticated]);
      assert.ok(facts.types.includes(definition.type));
    });

    test("gives one token for each value, the same alone as among others, none longer than said", () => {
      const mask = sampleMask(sample);
      assert.deepEqual(mask.apply([]), []);
      assert.deepEqual(
        mask.apply(values),
        values.flatMap((value) => mask.apply([value])),
      );
      fc.assert(
        fc.property(fc.array(any, { maxLength: 20 }), fc.nat({ max: 20 }), (column, room) => {
          const tokens = mask.apply(column);
          assert.equal(tokens.length, column.length);
          column.forEach((value, index) => {
            const length = countCharacters(tokens[index] ?? "");
            const most = countCharacters(value) + room;
            assert.ok(length <= (mask.longestToken(most) ?? 0), `${length} > ${mask.longestToken(most)} of ${most}`);
            assert.ok(length <= (mask.longestToken(null) ?? Infinity));
          });
        }),
      );
    });

    test(facts.keepsEquality ? "keeps equal values equal, and others apart" : "does not tell values apart", () => {
      const mask = sampleMask(sample);
      fc.assert(
        fc.property(fc.array(any, { maxLength: 20 }), (column) => {
          const tokens = mask.apply([...column, ...column]);
          const [known, distinct] = [new Set(tokens).size, new Set(column).size];
          assert.ok(facts.keepsEquality ? known === distinct : known <= distinct);
          assert.deepEqual(tokens.slice(0, column.length), tokens.slice(column.length));
        }),
      );
    });

    test("holds nothing of the value but what its kind keeps", () => {
      const [value] = values;
      const [token] = sampleMask(sample).apply([value]);
      assert.notEqual(token, value);
      if (facts.keeps !== "a part") assert.ok(!token?.includes(value.slice(0, 6)), facts.keeps);
    });

    test("shows its keys, or its salt, to nothing that prints it", () => {
      const { kind, domain } = definition;
      const mask = sampleMask(sample);
      const shown = inspect(mask, { depth: 20, showHidden: true, maxArrayLength: null }) + JSON.stringify(mask);
      assert.ok(!shown.includes("canary4711"));
      if (domain === null) return;
      const { key } = testKey(kind, domain);
      for (let start = 0; start < key.length; start += 16) {
        const part = Buffer.from(key.subarray(start, start + 8));
        for (const spelling of [
          part.toString("hex"),
          part.toString("hex").replaceAll(/(..)(?!$)/g, "$1 "),
          [...part].join(", "),
          [...part].join(","),
        ])
          assert.ok(!shown.includes(spelling));
      }
    });

    if (facts.reversible) {
      test("gives every value back", () => {
        const mask = sampleMask(sample);
        assert.ok(canOpen(mask));
        fc.assert(
          fc.property(fc.array(any, { maxLength: 20 }), (column) => {
            assert.deepEqual(
              mask.open(mask.apply(column)),
              column.map((value) => ({ value })),
            );
          }),
        );
      });
    }
  });
}

test("every kind of the table has samples", () => {
  assert.deepEqual(Object.keys(samples).sort(), [...maskKinds].sort());
  for (const kind of maskKinds) for (const { definition } of samples[kind]) assert.equal(definition.kind, kind);
});

for (const kind of maskKinds.filter((each) => maskFacts[each].keyed)) {
  test(`${kind} is not made without domain or key, nor with a key of another length`, () => {
    const [{ definition }] = samples[kind];
    const keys = onlyKey(testKey(kind, definition.domain ?? ""));
    assert.ok(createMask(definition, keys));
    assert.throws(() => createMask(definition, null), { code: "internal" });
    assert.throws(() => createMask({ ...definition, domain: null }, keys), { code: "internal" });
    assert.throws(() => createMask({ ...definition, domain: "" }, keys), { code: "internal" });
    for (const length of [0, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 128]) {
      if (length === maskFacts[kind].keyLengthBytes) continue;
      const wrong = onlyKey({ id: 1, key: new Uint8Array(length).map((_, index) => index) });
      assert.throws(() => createMask(definition, wrong), { code: "internal" }, `${length} bytes`);
      assert.throws(() => createMask(definition, { ...keys, known: wrong.known }), { code: "internal" }, `${length} bytes, known`);
    }
  });
}

test("packed is for types that have such a form", () => {
  const definition: MaskDefinition = { kind: "siv", domain: "d", type: "text", encode: "packed", key: null, settings: {} };
  assert.throws(() => createMask(definition, onlyKey(testKey("siv", "d"))), { code: "internal" });
});

test("a mask without the option it cannot do without is not made, nor one of another type", () => {
  const base = { domain: null, encode: "text", key: null, settings: {} } as const;
  const definitions: readonly MaskDefinition[] = [
    { ...base, kind: "constant", type: "text" },
    { ...base, kind: "generalise", type: "timestamp" },
    { ...base, kind: "generalise", type: "integer" },
    { ...base, kind: "generalise", type: "date", settings: { to: "day" } },
    { ...base, kind: "generalise", type: "text", settings: { to: "day" } },
    { ...base, kind: "partial", type: "uuid", settings: { first: 1 } },
  ];
  for (const definition of definitions) assert.throws(() => createMask(definition, null), { code: "internal" }, definition.kind);
});

test("a fingerprint is pinned, and tells all that decides a token beside key and domain", () => {
  const definition: MaskDefinition = { kind: "siv", domain: "login.ip", type: "ip", encode: "packed", key: null, settings: {} };
  // SHA-256 of {"canonical":1,"encode":"packed","kind":"siv","type":"ip"}, by sha256sum.
  assert.equal(maskFingerprint(definition), "8baa45eac466d0beb954c6926a5dce63acf984687bd3e0ddaa23a92cc630fae3");
  assert.equal(maskFingerprint({ ...definition, domain: "other" }), maskFingerprint(definition));
  const others: readonly MaskDefinition[] = [
    { ...definition, kind: "hmac" },
    { ...definition, type: "uuid" },
    { ...definition, encode: "text" },
    { ...definition, encode: "pad16" },
    { ...definition, settings: { tweak: "t" } },
  ];
  assert.equal(new Set([definition, ...others].map(maskFingerprint)).size, 6);
});

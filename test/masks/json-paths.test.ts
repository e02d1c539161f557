import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { createMask } from "../../src/masks/create-mask.ts";
import { createJsonPathsMask } from "../../src/masks/json-paths.ts";
import type { Mask } from "../../src/masks/mask.ts";
import { maskDefinition, onlyKey, sivDefinition, testKey } from "./masks.ts";

const siv = createMask(sivDefinition({ domain: "d" }), onlyKey(testKey("siv", "d")));
const hmac = createMask(maskDefinition({ kind: "hmac", domain: "e" }), onlyKey(testKey("hmac", "e")));
const mask = createJsonPathsMask([
  { path: "a.b", mask: siv },
  { path: "list.*.id", mask: hmac },
]);

const parsed = (texts: readonly (string | null)[]): unknown[] => texts.map((text): unknown => JSON.parse(text ?? "null"));

test("tokens are those of plain columns of the same domains, and all else stays", () => {
  const texts = ['{"a":{"b":"x","c":"x"},"list":[{"id":"y"},{"id":null},{"id":""}]}', '{"n":[1.5,"x"]}', '{"a":{"b":"z"}}'];
  const [x, z] = siv.apply(["x", "z"]);
  const [y] = hmac.apply(["y"]);
  assert.deepEqual(parsed(mask.apply(texts)), [
    { a: { b: x, c: "x" }, list: [{ id: y }, { id: null }, { id: "" }] },
    { n: [1.5, "x"] },
    { a: { b: z } },
  ]);
});

test("each mask is called once for a whole column", () => {
  const calls: (readonly string[])[] = [];
  const counting: Mask = {
    ...hmac,
    apply(values) {
      calls.push(values);
      return hmac.apply(values);
    },
  };
  createJsonPathsMask([{ path: "*", mask: counting }]).apply(['{"a":"1","b":"2"}', "{}", '["3"]']);
  assert.deepEqual(calls, [["1", "2", "3"]]);
});

test("a mask that gives nothing leaves null, and a value that is no text is never let through", () => {
  const nothing: Mask = { ...hmac, apply: (values) => values.map(() => null) };
  assert.deepEqual(createJsonPathsMask([{ path: "a", mask: nothing }]).apply(['{"a":"x","b":"x"}']), ['{"a":null,"b":"x"}']);
  for (const odd of ["5", "true", '["x"]', '{"x":"y"}'])
    assert.throws(() => mask.apply([`{"a":{"b":${odd}}}`]), { code: "internal" }, odd);
});

test("a token of ours is recognised at the paths of its mask only", () => {
  const [token] = siv.apply(["x"]);
  const texts = [{ a: { b: token } }, { a: { b: "x" } }, { a: { c: token } }, { list: [{ id: token }] }].map((value) =>
    JSON.stringify(value),
  );
  assert.deepEqual(mask.recognises?.(texts), [true, false, false, false]);
  assert.deepEqual(mask.recognises?.([]), []);
});

test("no masked value is left, wherever it stood; what no path leads to is unchanged", () => {
  const value = fc.string({ unit: fc.constantFrom("p", "q", "r"), minLength: 8, maxLength: 8 });
  const row = fc.record({ b: value, ids: fc.array(value, { maxLength: 3 }), rest: fc.jsonValue({ maxDepth: 2 }) });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
      const texts = rows.map(({ b, ids, rest }) => JSON.stringify({ a: { b }, list: ids.map((id) => ({ id })), rest }));
      const masked = mask.apply(texts);
      rows.forEach(({ b, ids, rest }, index) => {
        const text = masked[index] ?? "";
        const { rest: kept, ...others } = JSON.parse(text) as Record<string, unknown>;
        assert.equal(JSON.stringify(kept), JSON.stringify(rest));
        for (const secret of [b, ...ids]) assert.ok(!JSON.stringify(others).includes(secret));
      });
    }),
  );
});

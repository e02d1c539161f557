import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { KeyRing } from "../../src/keys/ring.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen, type MaskDefinition, type ReversibleMask } from "../../src/masks/mask.ts";
import { aliasesOfRows, remask, type TaggedColumn } from "../../src/recovery/remask.ts";
import { makeDelivery, rowsOf } from "../harness/login-table.ts";
import { ringOf, root } from "../keys/rings.ts";

const definition: MaskDefinition = { kind: "siv", domain: "d", type: "text", encode: "text", key: null, settings: {} };
const oldest = root(0x100);
const middle = root(0x200);
const newest = root(0x300);
const disabled = root(0x400);

function maskOf(ring: KeyRing, keyId: number): ReversibleMask {
  const mask = createMask(definition, ring.domainKeys("siv", "d", keyId));
  assert.ok(canOpen(mask));
  return mask;
}

const ring = ringOf(newest, oldest, middle);
const under = { oldest: maskOf(ring, 0x100), middle: maskOf(ring, 0x200), newest: maskOf(ring, 0x300) };
const column: TaggedColumn = { name: "c", domain: "d", mask: under.newest, keyId: 0x300, anchor: under.oldest, anchorId: 0x100 };

function only<T>(list: readonly T[]): T {
  assert.equal(list.length, 1);
  return list[0] as T;
}

test("tokens of every older key become those of the newest, with the oldest key's token to stand for them", () => {
  const values = fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(values, fc.infiniteStream(fc.constantFrom("oldest", "middle", "newest", "null")), (texts, keys) => {
      const rows = texts.map((value, i) => {
        const key = keys.next().value as keyof typeof under | "null";
        return { place: `(0,${i + 1})`, tokens: [key === "null" ? null : only(under[key].apply([value]))] };
      });
      const { changes, aliases, unopened } = remask([column], rows);
      assert.deepEqual(unopened, []);
      const after = new Map(changes.map(({ place, to }) => [place, to[0]]));
      rows.forEach(({ place, tokens: [token] }, i) => {
        const isNull = token === null || token === undefined;
        const expected = isNull ? null : only(under.newest.apply([texts[i] as string]));
        assert.equal(after.get(place) ?? token, expected);
        if (expected === null || expected === token) return assert.equal(after.has(place), false, "nothing to change");
        const canonical = only(under.oldest.apply([texts[i] as string]));
        assert.ok(aliases.some((alias) => alias.domain === "d" && alias.token === expected && alias.canonical === canonical));
      });
      assert.equal(new Set(aliases.map(({ token }) => token)).size, aliases.length, "each once");
    }),
  );
});

test("a token that is altered, of a key out of use or of another domain stays, is told, and holds nobody up", () => {
  const good = only(under.oldest.apply(["good"]));
  const token = only(under.middle.apply(["value"]));
  const altered = token.slice(0, 12) + (token[12] === "A" ? "B" : "A") + token.slice(13);
  const outOfUse = only(maskOf(ringOf(disabled), 0x400).apply(["value"]));
  const { changes, unopened } = remask(
    [column, { ...column, name: "other" }],
    [
      { place: "(0,1)", tokens: [altered, good] },
      { place: "(0,2)", tokens: [outOfUse, null] },
      { place: "(0,3)", tokens: ["A plain text that is no token, though it begins like one", "aaaa"] },
    ],
  );
  assert.deepEqual(unopened, [
    { place: "(0,1)", column: "c", keyId: 0x200, failure: "not_authentic" },
    { place: "(0,2)", column: "c", keyId: 0x400, failure: "unknown_key" },
  ]);
  const { place, from, to } = only(changes);
  assert.deepEqual([place, from, to], ["(0,1)", [altered, good], [altered, only(under.newest.apply(["good"]))]]);
});

test("rows that were just masked get an alias for each distinct token, and none while their key is the anchor", () => {
  const tokens = under.newest.apply(["a", "b", "a"]);
  const rows = rowsOf(
    tokens.map(() => makeDelivery()),
    [["x", "y", "z"], tokens, [tokens[1] ?? null, null, null]],
  );
  const aliases = aliasesOfRows([null, column, { ...column, name: "other" }], rows);
  assert.deepEqual(
    aliases.map(({ token, canonical }) => [token, canonical]),
    [
      [tokens[0], only(under.oldest.apply(["a"]))],
      [tokens[1], only(under.oldest.apply(["b"]))],
    ],
  );
  assert.deepEqual(aliasesOfRows([null, { ...column, anchor: under.newest, anchorId: 0x300 }], rows), []);
});

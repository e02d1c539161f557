import assert from "node:assert/strict";
import { test } from "node:test";

import { aessiv } from "@noble/ciphers/aes.js";
import * as fc from "fast-check";

import { formatIp } from "../../src/contract/ip.ts";
import type { MaskDefinition } from "../../src/masks/mask.ts";
import { readToken } from "../../src/masks/token.ts";
import { createReversible, onlyKey, sivDefinition, testKey } from "./masks.ts";

const domain = "user_logins.ip";
const key = testKey("siv", domain);
const otherKey = testKey("siv", domain, 0x7777_7777, Buffer.alloc(32, 9));
const mask = createReversible(sivDefinition(), onlyKey(key));

const text = fc.string({ unit: "binary", maxLength: 70 });
const texts = fc.array(fc.oneof(text, fc.string({ unit: "grapheme-ascii", maxLength: 70 })), { maxLength: 50 });

test("a token is version, key id and what another implementation seals", () => {
  fc.assert(
    fc.property(texts, (values) => {
      const expected = values.map((value) => {
        const sealed = aessiv(key.key, Buffer.from(domain)).encrypt(Buffer.from(value));
        return Buffer.concat([Buffer.from("01000004d2", "hex"), sealed]).toString("base64url");
      });
      assert.deepEqual(mask.apply(values), expected);
    }),
  );
});

test("every value comes back from its token", () => {
  fc.assert(
    fc.property(texts, (values) => {
      assert.deepEqual(
        mask.open(mask.apply(values)),
        values.map((value) => ({ value })),
      );
    }),
  );
});

test("a column of ASCII with one other text in it keeps every value apart", () => {
  const values = ["a", "ä", "", "bc", "日本", "", "😀", "d"];
  assert.deepEqual(
    mask.open(mask.apply(values)),
    values.map((value) => ({ value })),
  );
});

test("equal values have equal tokens in any batch, unequal ones never", () => {
  fc.assert(
    fc.property(texts, texts, (left, right) => {
      const values = [...left, ...right];
      const tokens = [...mask.apply(left), ...mask.apply(right)];
      assert.equal(new Set(tokens).size, new Set(values).size);
      values.forEach((value, index) => assert.equal(tokens[index], tokens[values.indexOf(value)]));
    }),
  );
});

test("half a surrogate pair is refused: UTF-8 would make unequal values equal", () => {
  for (const values of [["\ud83d"], ["ok", "a\ude00"], ["\ud83d", "\ude00"]]) {
    assert.throws(() => mask.apply(values), { code: "internal" });
  }
});

test("a token of another domain does not open", () => {
  const elsewhere = createReversible(
    sivDefinition({ domain: "user_logins.device_id" }),
    onlyKey({ ...key, key: testKey("siv", "user_logins.device_id").key }),
  );
  const sameKeyElsewhere = createReversible(sivDefinition({ domain: "user_logins.device_id" }), onlyKey(key));
  const tokens = mask.apply(["203.0.113.77"]);
  assert.deepEqual(elsewhere.open(tokens), [{ failure: "not_authentic" }]);
  // The domain is bound by itself too, not only through the key.
  assert.deepEqual(sameKeyElsewhere.open(tokens), [{ failure: "not_authentic" }]);
  assert.deepEqual(elsewhere.recognises(tokens), [false]);
});

test("a token of a key that is not at hand is told from a forged one", () => {
  const other = createReversible(sivDefinition(), onlyKey(otherKey));
  const forger = createReversible(sivDefinition(), onlyKey({ id: key.id, key: otherKey.key }));
  assert.deepEqual(mask.open(other.apply(["a"])), [{ failure: "unknown_key" }]);
  assert.deepEqual(mask.open(forger.apply(["a"])), [{ failure: "not_authentic" }]);
});

test("all known keys open and are recognised; the primary alone makes tokens", () => {
  const rotated = createReversible(sivDefinition(), { primary: otherKey, known: [key, otherKey] });
  const old = mask.apply(["a", "b"]);
  const fresh = rotated.apply(["c"]);
  assert.deepEqual(rotated.open([...old, ...fresh, "x", ...old]), [
    { value: "a" },
    { value: "b" },
    { value: "c" },
    { failure: "not_a_token" },
    { value: "a" },
    { value: "b" },
  ]);
  assert.deepEqual(rotated.recognises([...old, ...fresh, "x"]), [true, true, true, false]);
  assert.deepEqual(mask.open(fresh), [{ failure: "unknown_key" }]);
});

test("a changed bit anywhere never gives a value, and leaves the neighbours alone", () => {
  fc.assert(
    fc.property(text, fc.nat(), fc.integer({ min: 0, max: 7 }), (value, where, bit) => {
      const [token = ""] = mask.apply([value]);
      const bytes = Buffer.from(token, "base64url");
      const at = where % bytes.length;
      bytes[at] = (bytes[at] as number) ^ (1 << bit);
      const forged = bytes.toString("base64url");
      const [before, opened, after] = mask.open([token, forged, token]);
      assert.deepEqual([before, after], [{ value }, { value }]);
      assert.ok(opened !== undefined && "failure" in opened);
      assert.deepEqual(mask.recognises([token, forged]), [true, false]);
    }),
    { numRuns: 500 },
  );
});

test("a token tells its key without being opened; nothing that is not its one spelling does", () => {
  const [token = "", short = ""] = mask.apply(["203.0.113.77", "a"]);
  for (const each of [token, short, ...mask.apply([""])]) assert.deepEqual(readToken(each), { keyId: key.id });
  const none = ["", "203.0.113.77", token.slice(0, 27), `${token}=`, `B${token.slice(1)}`, `${token.slice(0, -1)}+`];
  // B has bits that no byte of this token takes.
  for (const text of [...none, `${short.slice(0, -1)}B`]) assert.equal(readToken(text), null, text);
});

test("a shortened or lengthened token does not open", () => {
  const [token = ""] = mask.apply(["203.0.113.77"]);
  for (let length = 0; length < token.length; length += 1) {
    const [opened] = mask.open([token.slice(0, length)]);
    assert.ok(opened !== undefined && "failure" in opened, `${length} characters`);
  }
  assert.deepEqual(mask.open([`${token}A`])[0], { failure: "not_a_token" });
});

test("only the one spelling of a token is the token", () => {
  // Decoders of base64 take all of these for the same bytes.
  const tokens = mask.apply(Array.from({ length: 64 }, (_, index) => `value ${index}`));
  const odd = tokens.flatMap((token) => [`${token}=`, ` ${token}`, `${token}\n`, token.replaceAll("-", "+").replaceAll("_", "/")]);
  const spellings = odd.filter((token) => !tokens.includes(token));
  assert.ok(spellings.length > 64 * 3);
  for (const opened of mask.open(spellings)) assert.deepEqual(opened, { failure: "not_a_token" });
  assert.ok(!mask.recognises(spellings).includes(true));
});

test("of the last characters that stand for the same bytes, only the one is the token's", () => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // Plaintexts of three lengths in a row: tokens with four, two and no bits to spare.
  for (const token of mask.apply(["a", "ab", "abc"])) {
    const others = Array.from(alphabet, (last) => token.slice(0, -1) + last).filter((other) => other !== token);
    for (const opened of mask.open(others)) assert.ok("failure" in opened);
    assert.ok(!mask.recognises(others).includes(true));
  }
});

test("plain values are not recognised, whatever they begin with", () => {
  fc.assert(
    fc.property(texts, (values) => {
      const dressed = values.map((value) => `AQAABN${value}`);
      assert.ok(![...mask.recognises(values), ...mask.recognises(dressed)].includes(true));
    }),
  );
});

test("no token is longer than said, and the longest text reaches the bound", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.string({ unit: "binary", maxLength: 60 }), (max, value) => {
      const cut = Array.from(value).slice(0, max).join("");
      const [token = ""] = mask.apply([cut]);
      assert.ok(token.length <= (mask.longestToken(max) ?? 0));
    }),
  );
  assert.equal(mask.apply(["😀".repeat(40)])[0]?.length, mask.longestToken(40));
  assert.equal(mask.longestToken(null), null);
});

const packed: readonly { definition: MaskDefinition; values: fc.Arbitrary<string> }[] = [
  {
    definition: sivDefinition({ type: "ip", encode: "packed" }),
    values: fc.oneof(fc.ipV4(), fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatIp)),
  },
  { definition: sivDefinition({ type: "uuid", encode: "packed" }), values: fc.uuid() },
];
for (const { definition, values } of packed) {
  const packing = createReversible(definition, onlyKey(key));
  test(`${definition.type}, packed: comes back, and all tokens have one length`, () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 40 }), (column) => {
        const tokens = packing.apply(column);
        assert.deepEqual(
          packing.open(tokens),
          column.map((value) => ({ value })),
        );
        for (const token of tokens) assert.equal(token.length, packing.longestToken(null));
      }),
    );
  });
  test(`${definition.type}, packed: refuses what the contract would not let through, without telling it`, () => {
    assert.throws(
      () => packing.apply(["private-text"]),
      (error: Error) => !error.message.includes("private-text"),
    );
  });
  test(`${definition.type}: an authentic token of another encoding is not opened as a value`, () => {
    assert.deepEqual(packing.open(mask.apply(["203.0.113.77"])), [{ failure: "not_a_token" }]);
  });
}

test("addresses masked as text have a bound of their own", () => {
  const addresses = createReversible(sivDefinition({ type: "ip" }), onlyKey(key));
  assert.equal(addresses.apply(["2001:db8:1111:2222:3333:4444:5555:6666"])[0]?.length, 79);
  assert.equal(addresses.longestToken(null), 80);
});

test("a batch that fails, and a giant one, leave nothing behind for the next", () => {
  const values = ["a", "203.0.113.77", "", ...Array.from({ length: 40 }, (_, index) => "b".repeat(index))];
  const tokens = mask.apply(values);
  const spoilt = `${mask.apply(["c".repeat(200)])[0]}!`;
  for (const spoil of [
    () => assert.throws(() => mask.apply(["x".repeat(1000), "half \ud83d"])),
    () => mask.apply(Array.from({ length: 30_000 }, (_, index) => `${index} ${"y".repeat(index % 50)}`)),
    () => mask.open([spoilt, ...tokens.slice(0, 3)]),
    () => mask.recognises([spoilt, ...tokens]),
  ]) {
    spoil();
    assert.deepEqual(mask.apply(values), tokens);
    assert.deepEqual(
      mask.open(tokens),
      values.map((value) => ({ value })),
    );
  }
});

test("texts padded to 16 bytes come back, are what another implementation seals, and hide their length", () => {
  const padding = createReversible(sivDefinition({ encode: "pad16" }), onlyKey(key));
  const pad = (value: string): Buffer => {
    const bytes = [...Buffer.from(value), 0x80];
    while (bytes.length % 16 !== 0) bytes.push(0);
    return Buffer.from(bytes);
  };
  fc.assert(
    fc.property(texts, (values) => {
      const tokens = padding.apply(values);
      const expected = values.map((value) => {
        const sealed = aessiv(key.key, Buffer.from(domain)).encrypt(pad(value));
        return Buffer.concat([Buffer.from("01000004d2", "hex"), sealed]).toString("base64url");
      });
      assert.deepEqual(tokens, expected);
      assert.deepEqual(
        padding.open(tokens),
        values.map((value) => ({ value })),
      );
    }),
  );
  assert.equal(padding.apply(["x".repeat(40)])[0]?.length, padding.longestToken(10));
  assert.deepEqual(padding.open(mask.apply(["a".repeat(16), "b"])), [{ failure: "not_a_token" }, { failure: "not_a_token" }]);
});

test("an empty column is an empty column", () => {
  assert.deepEqual([mask.apply([]), mask.open([]), mask.recognises([])], [[], [], []]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { masksRemoved, type Treatments, treatmentsOf } from "../../../src/app/recovery/treatments.ts";
import { load } from "../../harness/configuration.ts";

const siv = "mask: { kind: siv, domain: d }";

function of(columns: string, more: string = ""): Treatments {
  return treatmentsOf(load(`${more}columns:\n  known: { type: text }\n  ${columns}\n`));
}

/** As a database gives it back: members in another order. */
function stored({ decode, fields }: Treatments): Treatments {
  const turned = fields.map((field) => Object.fromEntries(Object.entries(field).toReversed()));
  return JSON.parse(JSON.stringify({ fields: turned, decode })) as Treatments;
}

const removed = (then: string, today: string): readonly string[] | null => masksRemoved(stored(of(then)), of(today));

test("a mask is gone where its field is stored as it is, under whatever name and through whatever path", () => {
  const then = `c: { from: user.ip, type: ip, ${siv} }`;
  assert.deepEqual(removed(then, "c: { from: user.ip, type: ip }"), ["user.ip"]);
  assert.deepEqual(removed(then, `c: { from: user.ip, type: ip, ${siv} }\n  d: { from: user.ip, type: text }`), ["user.ip"]);
  assert.deepEqual(removed(then, "d: { from: user, type: json }"), ["user.ip"]);
  assert.deepEqual(removed(`c: { from: user, type: json, mask: { kind: "null" } }`, "c: { from: user.ip, type: ip }"), ["user"]);
  assert.deepEqual(masksRemoved(of(then), of("d: { type: text }", "identity: user.ip\n")), ["user.ip"]);
});

test("a mask is not gone where its field is masked otherwise, nor where nobody reads it any more", () => {
  const then = `c: { from: ip, type: ip, ${siv} }`;
  for (const today of [
    then,
    `other: { from: ip, type: text, max: 40, mask: { kind: hmac, domain: e } }`,
    "c: { from: ip, type: ip, mask: { kind: redact } }",
    "c: { from: ip, type: ip, mask: { kind: ipcrypt, domain: f } }",
    "c: { from: ipv, type: ip }",
  ]) {
    assert.deepEqual(removed(then, today), [], today);
  }
});

test("a mask that shows a part of the value counts as gone, unless it was the same one then", () => {
  const partial = (bits: number): string => `c: { from: ip, type: ip, mask: { kind: partial, ipv4_prefix: ${bits} } }`;
  assert.deepEqual(removed(`c: { from: ip, type: ip, ${siv} }`, partial(24)), ["ip"]);
  assert.deepEqual(removed(partial(16), partial(24)), ["ip"]);
  assert.deepEqual(removed(partial(24), partial(24)), []);
  const hashed = "c: { from: ip, type: ip, mask: { kind: sha256, insecure: true } }";
  assert.deepEqual(removed(`c: { from: ip, type: ip, ${siv} }`, hashed), ["ip"]);
});

test("masks inside a JSON value count path by path", () => {
  const json = (...paths: readonly string[]): string =>
    `c: { from: user, type: json, paths: { ${paths.map((path) => `"${path}": { type: text, max: 9, ${siv} }`).join(", ")} } }`;
  assert.deepEqual(removed(json("a", "b.*"), json("a", "b.*")), []);
  assert.deepEqual(removed(json("a", "b.*"), json("a")), ["user.b.*"]);
  assert.deepEqual(removed(json("b.x"), json("b.*")), []);
  assert.deepEqual(removed(json("b.*"), json("b.x")), ["user.b.*"]);
  assert.deepEqual(removed(json("a"), "c: { from: user, type: json }"), ["user.a"]);
});

test("what was not written down, or is read out of another envelope, is not known", () => {
  const column = `c: { from: ip, type: ip, ${siv} }`;
  assert.equal(masksRemoved(null, of(column)), null);
  assert.equal(masksRemoved(of(column), of(column, "decode: [sns]\n")), null);
});

test("no contract has removed a mask against itself", () => {
  const column = fc.record({
    from: fc.constantFrom("a", "a.b", "a.b.c", "b"),
    mask: fc.constantFrom("", `, ${siv}`, ", mask: { kind: redact }", ", mask: { kind: partial, first: 2 }"),
  });
  fc.assert(
    fc.property(fc.array(column, { minLength: 1, maxLength: 5 }), (columns) => {
      const text = columns.map(({ from, mask }, place) => `c${place}: { from: ${from}, type: text, max: 9${mask} }`).join("\n  ");
      assert.deepEqual(removed(text, text), []);
    }),
    { numRuns: 50 },
  );
});

test("a salt stands in no form in what is kept of a mask", () => {
  const salted = (salt: string): Treatments =>
    of(`c: { from: ip, type: ip, mask: { kind: sha256, insecure: true, salt: ${salt} } }`);
  assert.deepEqual(salted("pepper"), salted("chilli"));
});

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { masksRemoved, readTreatments, type Treatments, treatmentsOf } from "../../../src/app/recovery/treatments.ts";
import { load } from "../../harness/configuration.ts";

const siv = "mask: { kind: siv, domain: d }";

function of(columns: string, more: string = ""): Treatments {
  return treatmentsOf(load(`${more}columns:\n  known: { type: text }\n  ${columns}\n`));
}

/** As a database gives it back: members in another order. */
function stored({ decode, fields }: Treatments): Treatments {
  const turned = fields.map((field) => Object.fromEntries(Object.entries(field).toReversed()));
  const read = readTreatments(JSON.stringify({ fields: turned, decode }));
  assert.ok(read, "what is written down can be read");
  return read;
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
    `other: { from: ip, type: ip, ${siv} }`,
    "c: { from: ipv, type: ip }",
  ]) {
    assert.deepEqual(removed(then, today), [], today);
  }
});

test("a mask that opens by another right than then counts as gone", () => {
  const under = (kind: string, domain: string): string => `c: { from: ip, type: ip, mask: { kind: ${kind}, domain: ${domain} } }`;
  const vault = (domain: string): string =>
    `c: { from: ip, type: ip, mask: { kind: vault, domain: ${domain}, subject: u } }\n  u: { from: user, type: text, max: 9, required: true }`;
  const kinds = ["siv", "hmac", "cmac", "vault", "ipcrypt", "ipcrypt-pfx"];
  const mask = (kind: string, domain: string): string => (kind === "vault" ? vault(domain) : under(kind, domain));
  for (const then of kinds) {
    assert.deepEqual(removed(mask(then, "own"), mask(then, "own")), [], then);
    for (const today of ["siv", "ipcrypt", "ipcrypt-pfx", "vault"]) {
      assert.deepEqual(removed(mask(then, "own"), mask(today, "harmless")), ["ip"], `${then} -> ${today}`);
    }
    for (const today of ["hmac", "cmac"]) assert.deepEqual(removed(mask(then, "own"), mask(today, "harmless")), [], then);
  }
  for (const then of ["hmac", "cmac", "vault"]) {
    assert.deepEqual(removed(mask(then, "own"), mask("siv", "own")), ["ip"], `${then} was one-way in the table`);
  }
  assert.deepEqual(removed("c: { from: ip, type: ip, mask: { kind: redact } }", under("siv", "own")), ["ip"]);
});

test("what is masked under two domains then is not opened by a column more", () => {
  const both = `c: { from: ip, type: ip, ${siv} }\n  d: { from: ip, type: ip, mask: { kind: hmac, domain: e } }`;
  assert.deepEqual(removed(both, both), []);
  assert.deepEqual(removed(both, `${both}\n  x: { from: ip, type: text, max: 40, mask: { kind: siv, domain: locale } }`), ["ip"]);
});

test("another domain inside of documents and texts counts as well", () => {
  const inside = (domain: string): string =>
    `c: { from: user, type: json, paths: { "a.*": { type: text, max: 9, mask: { kind: siv, domain: ${domain} } } } }`;
  const found = (domain: string): string =>
    `c: { from: note, type: text, max: 99, scan: [ip], mask: { kind: siv, domain: ${domain} } }`;
  assert.deepEqual(removed(inside("d"), inside("d")), []);
  assert.deepEqual(removed(inside("d"), inside("locale")), ["user.a.*"]);
  assert.deepEqual(removed(found("d"), found("d")), []);
  assert.deepEqual(removed(found("d"), found("locale")), ["note"]);
  assert.deepEqual(
    removed(found("d"), `c: { from: note, type: text, max: 99, ${siv} }`),
    ["note"],
    "all of the text, not what is found",
  );
});

test("what is written down without a domain, or is of no known form, does not count as known", () => {
  const whole = of(`c: { from: ip, type: ip, ${siv} }`);
  assert.deepEqual(readTreatments(JSON.stringify(whole)), whole);
  const [known] = whole.fields;
  for (const fields of [
    [known, { path: "ip", by: "siv" }],
    [{ path: "ip", by: "siv", domain: 5 }],
    [{ path: "ip", by: "redact", domain: "d" }],
    [{ path: "ip", by: "plain", domain: "d" }],
    [{ path: "ip", by: "scan 00 siv" }],
    [{ path: "ip", by: "scan" }],
    [{ path: "ip", by: "rot13" }],
    [{ path: "ip", by: "toString", domain: "d" }],
    [{ path: 5, by: "plain" }],
    [{ path: "ip", by: "plain", except: [5] }],
    [null],
    {},
  ]) {
    assert.equal(readTreatments(JSON.stringify({ decode: [], fields })), null, JSON.stringify(fields));
  }
  for (const text of ["null", "[]", '{"decode":[]}', '{"decode":[5],"fields":[]}']) assert.equal(readTreatments(text), null, text);
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

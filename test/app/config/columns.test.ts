import assert from "node:assert/strict";
import { test } from "node:test";

import { columnFaults, faultsOf, load } from "../../harness/configuration.ts";

test("options that belong to another type are refused", () => {
  assert.deepEqual(columnFaults("{ type: text, as: major }"), [".as  is for type version; this column is text"]);
  assert.deepEqual(columnFaults("{ type: ip, max: 15 }"), [".max  is for texts; this column is ip"]);
  assert.deepEqual(columnFaults("{ type: version, max: 9 }"), [".max  is for texts; this column is version"]);
  assert.deepEqual(columnFaults("{ type: version, as: text, max: 9 }"), []);
});

test("a masked column takes no default, and says so once", () => {
  assert.deepEqual(columnFaults("{ type: text, default: none, mask: { kind: siv, domain: d } }"), [
    ".default  is not for masked columns: a missing value would become a token shared by all",
  ]);
});

test("no mask has a domain that means something else in the policy", () => {
  assert.deepEqual(columnFaults("{ type: text, mask: { kind: siv, domain: quarantine } }"), [
    ".mask.domain  quarantine is what the policy calls refused messages: name another domain",
  ]);
  assert.deepEqual(columnFaults("{ type: text, mask: { kind: hmac, domain: '*' } }"), [
    ".mask.domain  * is what the policy calls every domain: name another domain",
  ]);
});

test("a keyed mask needs its domain, with one to copy; a mask without a key takes none", () => {
  assert.deepEqual(faultsOf("columns: { masked_ip: { type: ip, mask: { kind: siv } } }\n"), [
    "maskline.yaml:1  columns.masked_ip.mask.domain  is missing: siv derives its key from it; write for example domain: ip",
  ]);
  assert.deepEqual(columnFaults("{ type: text, mask: { kind: hmac } }"), [
    ".mask.domain  is missing: hmac derives its key from it; write for example domain: c",
  ]);
  assert.deepEqual(columnFaults("{ type: text, mask: { kind: redact, domain: d } }"), [
    ".mask.domain  is for keyed masks; redact has no key",
  ]);
});

test("sha256 is refused without insecure: true, with the reason and its figures", () => {
  const [fault = "", ...others] = columnFaults("{ type: ip, mask: { kind: sha256 } }");
  assert.deepEqual(others, []);
  assert.match(fault, /^\.mask\.kind {2}sha256 without a key is not masking/);
  assert.match(fault, /all 4\.3 billion IPv4 addresses are tried in 192 s on one core, all ids of nine digits in 45 s/);
  assert.match(fault, /Use siv or hmac; to read a legacy table, add insecure: true$/);
  assert.equal(columnFaults("{ type: ip, mask: { kind: sha256, insecure: false } }").length, 1);
  assert.deepEqual(columnFaults("{ type: ip, mask: { kind: sha256, insecure: true } }"), []);
});

test("an option stands beside the kinds that have it only, and the others are told which those are", () => {
  const stray: Readonly<Record<string, string>> = {
    "kind: siv, domain: d, insecure: true": ".mask.insecure  is for sha256; this mask is siv",
    "kind: siv, domain: d, key: 7": ".mask.key  is for hmac, cmac, vault, ipcrypt, ipcrypt-pfx, ff1; this mask is siv",
    "kind: redact, encode: text": ".mask.encode  is for siv, hmac, cmac, vault; this mask is redact",
    "kind: hmac, domain: d, salt: s": ".mask.salt  is for sha256; this mask is hmac",
    "kind: redact, first: 2": ".mask.first  is for partial; this mask is redact",
    'kind: "null", value: x': ".mask.value  is for constant; this mask is null",
    "kind: redact, to: day": ".mask.to  is for generalise; this mask is redact",
    "kind: siv, domain: d, template: '##'": ".mask.template  is for ff1; this mask is siv",
  };
  for (const [mask, fault] of Object.entries(stray)) assert.deepEqual(columnFaults(`{ type: ip, mask: { ${mask} } }`), [fault]);
});

test("packed is for addresses and UUIDs, which it is the default of", () => {
  assert.deepEqual(columnFaults("{ type: text, mask: { kind: siv, domain: d, encode: packed } }"), [
    ".mask.encode  packed is for ip and uuid; this column is text",
  ]);
  const encodings = ["ip", "uuid", "text", "integer"].map(
    (type) => load(`columns: { c: { type: ${type}, mask: { kind: siv, domain: d } } }\n`).columns[0]?.mask?.encode,
  );
  assert.deepEqual(encodings, ["packed", "packed", "text", "text"]);
});

test("a kind is for the types it masks, and those that mask the column's type are named", () => {
  for (const type of ["json", "boolean"]) {
    assert.deepEqual(columnFaults(`{ type: ${type}, mask: { kind: redact } }`), [
      `.mask.kind  redact is for text, integer, number, uuid, ip, email, date, timestamp, version; this column is ${type}: use null`,
    ]);
  }
  assert.deepEqual(columnFaults("{ type: text, mask: { kind: ipcrypt, domain: d } }"), [
    ".mask.kind  ipcrypt is for ip; this column is text: use siv, hmac, cmac, vault, ff1, partial, redact, null, constant",
  ]);
  assert.deepEqual(columnFaults("{ type: uuid, mask: { kind: partial } }"), [
    ".mask.kind  partial is for text, ip, email; this column is uuid: use siv, hmac, cmac, vault, redact, null, constant",
  ]);
});

test("one domain has one definition: another kind, type or encode is refused, the same one is joined", () => {
  const siv = "type: ip, mask: { kind: siv, domain: d }";
  assert.deepEqual(faultsOfTwo(siv, siv), []);
  assert.deepEqual(faultsOfTwo(siv, "type: ip, mask: { kind: siv, domain: d, encode: packed }"), [], "the default written out");
  for (const other of [
    "type: ip, mask: { kind: hmac, domain: d }",
    "type: uuid, mask: { kind: siv, domain: d }",
    "type: ip, mask: { kind: siv, domain: d, encode: text }",
  ]) {
    assert.deepEqual(
      faultsOfTwo(siv, other),
      [
        "maskline.yaml:5  columns.b.mask.domain  domain d is used by column a with another kind, type, encode or option; equal values would differ: name another domain",
      ],
      other,
    );
  }
});

test("a definition is the same however its defaults are written, and another where values become other texts", () => {
  const ff1 = "type: text, mask: { kind: ff1, domain: d }";
  assert.deepEqual(faultsOfTwo(ff1, "type: text, mask: { kind: ff1, domain: d, alphabet: digits, tweak: '' }"), []);
  const version = "type: version, mask: { kind: siv, domain: d }";
  assert.deepEqual(faultsOfTwo(version, "type: version, as: major, mask: { kind: siv, domain: d }"), []);
  // 2.3.0 would have two tokens, and 2.3.0 as digits the token of 0.0.230 as packed
  for (const as of ["packed", "digits", "text"])
    assert.match(
      faultsOfTwo(version, `type: version, as: ${as}, mask: { kind: siv, domain: d }`)[0] ?? "",
      /equal values would differ/,
    );
});

test("bad paths are refused at the line of `from`", () => {
  for (const from of ["a..b", ".a", "a."]) {
    assert.deepEqual(faultsOf(`columns:\n  c:\n    type: text\n    from: ${from}\n`), [
      `maskline.yaml:4  columns.c.from  ${from} is not a path: it has an empty part; write names with single dots between them`,
    ]);
  }
  for (const from of ["$sent", "$attributes.", "$"]) {
    assert.match(
      columnFaults(`{ type: text, from: ${from} }`)[0] ?? "",
      /^\.from {2}\$\S* is not known; allowed: .*\$attributes\.NAME$/,
    );
  }
  for (const from of ["a.b.c", "$message_id", "$group_id", "$attributes.tenant", "$sent_at", "$received_at"])
    assert.deepEqual(columnFaults(`{ type: text, from: ${from} }`), [], from);
});

test("a point in time goes into the types that can hold one", () => {
  assert.deepEqual(columnFaults("{ type: ip, from: $sent_at }"), [
    ".type  $sent_at is a point in time; allowed: date, timestamp, text, integer, number",
  ]);
});

test("a default must be readable as the column's type", () => {
  assert.match(
    columnFaults("{ type: integer, default: many }")[0] ?? "",
    /^\.default {2}does not fit the column; needed: a whole number$/,
  );
  assert.match(columnFaults("{ type: ip, default: 1.2.3 }")[0] ?? "", /^\.default {2}does not fit the column/);
  assert.match(columnFaults("{ type: boolean, default: perhaps }")[0] ?? "", /^\.default {2}is not JSON, as type boolean needs$/);
  assert.match(columnFaults("{ type: text, max: 3, default: long }")[0] ?? "", /^\.default {2}does not fit/);
  for (const good of ["{ type: integer, default: 5 }", "{ type: boolean, default: true }", "{ type: text, default: 5 }"])
    assert.deepEqual(columnFaults(good), [], good);
});

test("a name that PostgreSQL would cut is refused", () => {
  const name = "ä".repeat(32);
  assert.deepEqual(faultsOf(`columns: { ${name}: { type: text } }\n`), [
    `maskline.yaml:1  columns.${name}  is longer than the 63 bytes PostgreSQL keeps of a name`,
  ]);
});

test("masked columns are required unless they say otherwise", () => {
  assert.equal(required("{ type: ip, mask: { kind: siv, domain: d } }"), true);
  assert.equal(required("{ type: ip, required: false, mask: { kind: siv, domain: d } }"), false);
  assert.equal(required("{ type: ip }"), false);
});

function faultsOfTwo(left: string, right: string): readonly string[] {
  return faultsOf(`columns:\n  a: { ${left} }\n  b:\n    ${right.replaceAll(/, (mask|as):/g, "\n    $1:")}\n`);
}

function required(column: string): boolean | undefined {
  return load(`columns: { c: ${column} }\n`).columns[0]?.column.required;
}

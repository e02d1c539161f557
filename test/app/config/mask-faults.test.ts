import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { MasklineError } from "../../../src/errors.ts";
import { columnFaults, faultsOf, load } from "../../harness/configuration.ts";

suite("partial", () => {
  test("of a text says how much stays, of the start, the end or both", () => {
    for (const options of ["first: 2", "last: 4", "first: 1, last: 1", "first: 0, last: 2"])
      assert.deepEqual(columnFaults(`{ type: text, mask: { kind: partial, ${options} } }`), [], options);
    for (const options of ["", "first: 0", "last: 0", "first: 0, last: 0"]) {
      assert.deepEqual(columnFaults(`{ type: text, mask: { kind: partial, ${options} } }`), [
        ".mask  keeps nothing: write first: or last:, how many characters stay; or use kind: redact",
      ]);
    }
  });

  test("of an ip takes prefixes that hide something, of an email nothing", () => {
    for (const column of [
      "type: ip, mask: { kind: partial }",
      "type: ip, mask: { kind: partial, ipv4_prefix: 16, ipv6_prefix: 32 }",
      "type: email, mask: { kind: partial }",
    ])
      assert.deepEqual(columnFaults(`{ ${column} }`), [], column);
    assert.deepEqual(columnFaults("{ type: ip, mask: { kind: partial, ipv4_prefix: 32, ipv6_prefix: 128 } }"), [
      ".mask.ipv4_prefix  found 32; allowed: 0 to 31",
      ".mask.ipv6_prefix  found 128; allowed: 0 to 127",
    ]);
    assert.deepEqual(columnFaults("{ type: ip, mask: { kind: partial, first: 3, last: 1 } }"), [
      ".mask.first  is for partial of text; this column is ip",
      ".mask.last  is for partial of text; this column is ip",
    ]);
    assert.deepEqual(columnFaults("{ type: email, mask: { kind: partial, last: 3 } }"), [
      ".mask.last  is for partial of text; this column is email",
    ]);
    assert.deepEqual(columnFaults("{ type: text, mask: { kind: partial, last: 3, ipv4_prefix: 8 } }"), [
      ".mask.ipv4_prefix  is for partial of ip; this column is text",
    ]);
  });
});

suite("generalise", () => {
  test("needs to for times and bucket for numbers, and takes no other", () => {
    for (const column of [
      "type: date, mask: { kind: generalise, to: month }",
      "type: timestamp, mask: { kind: generalise, to: hour }",
      "type: integer, mask: { kind: generalise, bucket: 10 }",
      "type: number, mask: { kind: generalise, bucket: 1 }",
    ])
      assert.deepEqual(columnFaults(`{ ${column} }`), [], column);
    assert.deepEqual(columnFaults("{ type: timestamp, mask: { kind: generalise } }"), [
      ".mask.to  is missing: how coarse a timestamp becomes; write to: with hour, day, month or year",
    ]);
    assert.deepEqual(columnFaults("{ type: integer, mask: { kind: generalise, to: day } }"), [
      ".mask.to  is for generalise of date, timestamp; this column is integer",
      ".mask.bucket  is missing: the value is rounded down to a multiple of it; write for example bucket: 10",
    ]);
    assert.deepEqual(columnFaults("{ type: date, mask: { kind: generalise, bucket: 10 } }"), [
      ".mask.bucket  is for generalise of integer, number; this column is date",
      ".mask.to  is missing: how coarse a date becomes; write to: with month or year",
    ]);
  });

  test("that would leave every value as it is is refused", () => {
    for (const to of ["hour", "day"])
      assert.deepEqual(columnFaults(`{ type: date, mask: { kind: generalise, to: ${to} } }`), [
        `.mask.to  ${to} leaves a date as it is; write to: with month or year`,
      ]);
    assert.deepEqual(columnFaults("{ type: integer, mask: { kind: generalise, bucket: 1 } }"), [
      ".mask.bucket  1 leaves an integer as it is; write 2 or more",
    ]);
  });
});

test("constant needs a value that the database can store", () => {
  assert.deepEqual(columnFaults('{ type: text, mask: { kind: constant, value: "" } }'), []);
  assert.deepEqual(columnFaults("{ type: text, mask: { kind: constant } }"), [
    '.mask.value  is missing: the text that stands in every row; write for example value: "-"',
  ]);
  assert.deepEqual(columnFaults('{ type: text, mask: { kind: constant, value: "a\\0b" } }'), [
    ".mask.value  holds NUL or half a surrogate pair, which PostgreSQL does not store",
  ]);
});

test("null is written in quotes, and YAML's own null is told so", () => {
  for (const type of ["text", "json", "boolean"])
    assert.deepEqual(columnFaults(`{ type: ${type}, mask: { kind: "null" } }`), [], type);
  assert.deepEqual(columnFaults("{ type: text, mask: { kind: null } }"), ['.mask.kind  is empty in YAML: write "null" in quotes']);
  assert.deepEqual(columnFaults("{ type: null }"), [
    ".type  found nothing; allowed: text, integer, number, boolean, uuid, ip, email, date, timestamp, version, json",
  ]);
});

test("of a kind that does not mask the type nothing else is said", () => {
  const [fault = "", ...others] = columnFaults("{ type: text, mask: { kind: generalise } }");
  assert.match(fault, /^\.mask\.kind {2}generalise is for date, timestamp, integer, number; this column is text/);
  assert.deepEqual(others, []);
});

suite("a salt", () => {
  const canary = "canary4711";
  const salted = "kind: sha256, insecure: true";

  test("comes from the environment, and its place needs it", () => {
    const column = `{ type: ip, mask: { ${salted}, salt: "\${SALT}", salt_at: end } }`;
    const [configured] = load(`columns: { c: ${column} }\n`, { environment: { SALT: canary } }).columns;
    assert.deepEqual(configured?.mask?.settings, { salt: canary, salt_at: "end" });
    assert.deepEqual(columnFaults(`{ type: ip, mask: { ${salted}, salt_at: start } }`), [
      ".mask.salt_at  says where the salt stands; there is no salt",
    ]);
  });

  test("that the environment lacks is a fault where it is needed, and hides no column where it is not", () => {
    const text = `columns: { c: { type: ip, mask: { ${salted}, salt: "\${SALT}" } } }\n`;
    assert.deepEqual(faultsOf(text), [
      "maskline.yaml:1  columns.c.mask.salt  ${SALT}: the environment has no SALT; set it, or write $$ for a plain dollar sign",
    ]);
    const { columns, unset } = load(text, { unset: "anywhere" });
    assert.deepEqual([columns.map(({ mask }) => mask?.kind), unset.length], [["sha256"], 1]);
  });

  const wrong: Readonly<Record<string, string>> = {
    "of the wrong type": `{ type: ip, mask: { ${salted}, salt: [${canary}] } }`,
    "that is a group": `{ type: ip, mask: { ${salted}, salt: { salt: ${canary} } } }`,
    "beside a wrong place": `{ type: ip, mask: { ${salted}, salt: ${canary}, salt_at: middle } }`,
    "beside another kind": `{ type: ip, mask: { kind: siv, domain: d, salt: ${canary} } }`,
    "in a column of a type that is not masked": `{ type: json, mask: { ${salted}, salt: ${canary} } }`,
    "without insecure": `{ type: ip, mask: { kind: sha256, salt: ${canary} } }`,
    "under a wrong name": `{ type: ip, mask: { ${salted}, slat: ${canary} } }`,
    "beside the mask": `{ type: ip, salt: ${canary}, mask: { ${salted} } }`,
    "from the environment, in another option's place": `{ type: ip, mask: { ${salted}, salt_at: "\${SALT}" } }`,
    "from the environment, as the kind": '{ type: ip, mask: { kind: "${SALT}" } }',
    "from the environment, as the mask": '{ type: ip, mask: "${SALT}" }',
  };
  for (const [place, column] of Object.entries(wrong)) {
    test(`is not repeated ${place}`, () => {
      const text = `columns: { c: ${column} }\n`;
      const shown = faultsOf(text, { environment: { SALT: canary } }).join("\n");
      assert.notEqual(shown, "");
      assert.doesNotMatch(shown, new RegExp(canary));
    });
  }

  test("is not repeated where it is a number, which YAML makes of digits", () => {
    assert.deepEqual(columnFaults(`{ type: ip, mask: { ${salted}, salt: 47110815 } }`), [
      ".mask.salt  found the value given; allowed: a text",
    ]);
  });

  test("cannot be given on a command line", () => {
    const text = `columns: { c: { type: ip, mask: { ${salted} } } }\n`;
    assert.throws(
      () => load(text, { overrides: [`columns.c.mask.salt=${canary}`] }),
      (error) => error instanceof MasklineError && !JSON.stringify([error.message, error.details, error.next]).includes(canary),
    );
  });
});

test("a variable that is not set is forgiven where it names a server only: a mask without its salt or domain would be another", () => {
  const text = `source: { sqs: { queue: "\${QUEUE}" } }\ncolumns:\n  a: { type: ip, mask: { kind: siv, domain: "login.\${STAGE}" } }\n`;
  const environment = { QUEUE: "http://localhost/0/q", STAGE: "test" };
  assert.deepEqual(faultsOf(text, { environment }), []);
  assert.deepEqual(faultsOf(text, { environment: { STAGE: "test" }, unset: "servers" }), []);
  for (const unset of ["nowhere", "servers"] as const)
    assert.match(
      faultsOf(text, { environment: { QUEUE: environment.QUEUE }, unset }).join(""),
      /columns\.a\.mask\.domain .*no STAGE/,
    );
  assert.deepEqual(faultsOf(text, { unset: "anywhere" }), []);
});

test("a mask that could show or take no value is told before the first one, in a path of a document too", () => {
  assert.match(
    columnFaults("{ type: text, max: 7, mask: { kind: partial, last: 4 } }")[0] ?? "",
    /shows nothing of any value.*max is 7/,
  );
  assert.deepEqual(columnFaults("{ type: text, max: 8, mask: { kind: partial, last: 4 } }"), []);
  assert.match(
    columnFaults("{ type: json, paths: { x: { type: text, max: 3, mask: { kind: ff1, domain: d } } } }")[0] ?? "",
    /^\.paths\.x\.mask\.kind .*cannot take any value/,
  );
  assert.match(
    columnFaults("{ type: json, paths: { x: { type: text, mask: { kind: ff1, domain: d, alphabet: aab } } } }")[0] ?? "",
    /^\.paths\.x\.mask\.alphabet .*twice/,
  );
  // two letters of Hangul that NFC makes one syllable
  assert.match(
    columnFaults('{ type: text, mask: { kind: ff1, domain: d, alphabet: "\u1100\u1161" } }')[0] ?? "",
    /\.mask\.alphabet .*NFC makes one/,
  );
});

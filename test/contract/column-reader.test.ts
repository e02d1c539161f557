import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { compileContract } from "../../src/contract/check.ts";
import { type Column, columnTypes, type Contract } from "../../src/contract/column.ts";
import type { Incoming } from "../../src/contract/incoming.ts";
import { TextColumn } from "../../src/contract/text-column.ts";
import { column, contract, incoming } from "./contracts.ts";
import { referenceCheck } from "./reference-check.ts";

const fields = ["a", "b.c", "d", "constructor"];
const origins = [...fields, ...fields, "$message_id", "$group_id", "$attributes.x"];
const masked = fc.constantFrom("no", "no", "canonical", "canonical", "raw");

const plainColumn: fc.Arbitrary<Partial<Column>> = fc.record({
  from: fc.constantFrom(...origins),
  type: fc.constantFrom(...columnTypes.filter((type) => type !== "json")),
  as: fc.constantFrom("major", "packed", "text", "digits"),
  max: fc.option(fc.integer({ min: 1, max: 40 }), { nil: null }),
  required: fc.boolean(),
  masked,
});
const timeColumn: fc.Arbitrary<Partial<Column>> = fc.record({
  from: fc.constantFrom("$sent_at", "$received_at"),
  type: fc.constantFrom("date", "timestamp", "text", "integer"),
  required: fc.boolean(),
});
const jsonColumn: fc.Arbitrary<Partial<Column>> = fc
  .record({ from: fc.constantFrom("a", "e"), required: fc.boolean(), inside: fc.boolean() })
  .map(({ from, required, inside }) => {
    const path = column("x", { from: `${from}.x`, masked: "canonical", required });
    return { from, type: "json", required, ...(inside ? { paths: [path] } : {}) };
  });
const fallbackColumn: fc.Arbitrary<Partial<Column>> = fc.constantFrom(...fields).map((from) => ({ from, fallback: "none" }));

const contracts: fc.Arbitrary<Contract> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 5, arbitrary: plainColumn }, timeColumn, jsonColumn, fallbackColumn), {
      minLength: 1,
      maxLength: 8,
    }),
    fc.option(fc.constantFrom("a", "b.c", "$attributes.x"), { nil: undefined, freq: 3 }),
  )
  .map(([columns, identity]) =>
    contract(
      columns.map((parts, place) => column(`c${place}`, parts)),
      { maxBodyBytes: 3_000, ...(identity === undefined ? {} : { identity }) },
    ),
  );

/** The usual forms of every type with all that borders on them, and whatever JSON has. */
const near: readonly unknown[] = [
  ...[
    "",
    " ",
    "\t",
    "a",
    " a",
    "a ",
    "a b",
    "\u001fa",
    "a\u007f",
    "\u00a0a",
    "\ufeffa",
    "a\0b",
    "\0",
    "\ud800",
    "a\udc00",
    "é",
    "e\u0301",
  ],
  ...["x".repeat(40), "x".repeat(41), "é".repeat(40), "😀".repeat(40), "\u0301".repeat(31), "x".repeat(200), `${"y".repeat(60)}\0`],
  ...[
    "1.2.3.4",
    "01.2.3.4",
    "1.2.3",
    "1.2.3.4.",
    ".1.2.3",
    "1.2.3.256",
    "0.0.0.0",
    " 1.2.3.4",
    "1..2.3",
    "255.255.255.255",
    "1.2.3.4.5",
  ],
  ...["::1", "::ffff:1.2.3.4", "2001:DB8::1", "1.2.3.4:80", "1111.2.3.4", "1.2.3.-4", "1.2.3.4\n"],
  ...["0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11", "0D9C26F0-8A5B-4C39-9D0E-5A2F6F5F7F11", "0d9c26f08a5b4c399d0e5a2f6f5f7f11"],
  ...["0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7fg1", "0d9c26f0-8a5b-4c39-9d0e.5a2f6f5f7f11", "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f1\u0011"],
  ...[
    "1",
    "0",
    "00",
    "007",
    "10.1",
    "1.",
    ".",
    "1.2.3.4.5",
    "123456789.1",
    "1234567890",
    "0000000001",
    "1.1234567890",
    "v1",
    "1.2-b",
    "9.9.9.9",
  ],
  ...["true", "2024-01-31", "2024-02-30", "2024-01-31T23:59:59Z", "ann@example.com", "Ann@EXAMPLE.com", "-7", "1e3", "1.50", "-0"],
  ...[0, -0, 1, -1, 7.5, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 999_999_999, 2 ** 53, 2 ** 53 - 1, 1e21, 1e-7, 5e-324, 1e308],
  ...[true, false, null, {}, [], [1], { x: "1" }, { x: " é " }, { x: "\0" }, { x: null }, { c: "1.2.3.4" }, { c: 7 }],
];
const values = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...near) },
  fc.jsonValue(),
  fc.string({ unit: "binary" }),
  fc.ipV4(),
  fc.ipV6(),
  fc.uuid(),
);
const members = fc.dictionary(fc.constantFrom("a", "b", "b.c", "d", "e", "f", "constructor", "__proto__"), values, {
  noNullPrototype: false,
});
const bodies = fc.oneof(
  { weight: 12, arbitrary: members.map((body) => JSON.stringify(body)) },
  { weight: 3, arbitrary: members.map((body) => JSON.stringify({ a: "1.2.3.4", b: { c: "7" }, d: "x", ...body })) },
  fc.json(),
  fc.constantFrom("", "{", "null", "7", "[{}]", '["x.PayloadS3Pointer"]', '{"a": "1", "a": "2"}', `{"a": "${"x".repeat(3_000)}"}`),
);
const instants = fc.oneof(
  fc.constantFrom(null, 0, -1, 1_706_745_599_999, 1_706_745_600_000, 253_402_300_799_999, 253_402_300_800_000, -62_135_596_800_001),
  fc.double(),
  fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
);
const messages: fc.Arbitrary<Incoming> = fc
  .record({
    body: bodies,
    sentAtMs: instants,
    receivedAtMs: fc.integer(),
    groupId: fc.option(fc.string()),
    x: fc.option(fc.string()),
  })
  .map(({ body, x, ...facts }) => incoming(body, { ...facts, attributes: x === null ? {} : { x } }));

test("columns hold what a check message by message finds, refused messages leave nothing in them, and faults are the same", () => {
  let rowsRead = 0;
  let refusedOnes = 0;
  fc.assert(
    fc.property(contracts, fc.array(messages, { maxLength: 8 }), (ofMessages, batch) => {
      const check = referenceCheck(ofMessages);
      const reader = compileContract(ofMessages);
      const rows = { columns: ofMessages.columns.map(() => new TextColumn()), ids: [] as (string | null)[] };
      const expected: { values: readonly (string | null)[]; id: string | null }[] = [];
      for (const message of batch) {
        const checked = check(message);
        const id = checked.identity ?? message.id;
        const refused = reader.append(message, rows);
        if ("values" in checked) expected.push({ values: checked.values, id: checked.identity ?? null });
        assert.deepEqual(refused, "faults" in checked ? { id, faults: checked.faults } : null);
        refusedOnes += refused === null ? 0 : 1;
      }
      rowsRead += expected.length;
      const found = rows.ids.map((id, row) => ({ values: rows.columns.map((each) => each.at(row)), id }));
      assert.deepEqual(found, expected);
      assert.ok(rows.columns.every(({ count }) => count === rows.ids.length));
    }),
    { numRuns: 4_000 },
  );
  assert.ok(rowsRead > 500 && refusedOnes > 500, `${rowsRead} rows, ${refusedOnes} refused`);
});

test("every value that borders on a usual form is read by every type as the check reads it", () => {
  for (const type of columnTypes) {
    for (const masked of ["no", "canonical", "raw"] as const) {
      for (const max of [null, 1, 9, 36, 40]) {
        const one = contract([column("f", { type, masked, max, required: true })]);
        const [check, reader] = [referenceCheck(one), compileContract(one)];
        for (const f of near) {
          const message = incoming(JSON.stringify({ f }));
          const rows = { columns: [new TextColumn()], ids: [] };
          const refused = reader.append(message, rows);
          const found = refused === null ? { values: rows.columns.map((each) => each.at(0)) } : { faults: refused.faults };
          assert.deepEqual(found, check(message), `${type} ${masked} ${max} ${JSON.stringify(f)}`);
        }
      }
    }
  }
});

test("a text that is a token passes as it is, and only where it may", () => {
  const ip = column("ip", { type: "ip", masked: "canonical", required: true });
  const reader = compileContract(contract([ip]), new Map([["ip", (text) => text === "token"]]));
  const rows = { columns: [new TextColumn()], ids: [] };
  const read = (value: string): unknown => reader.append(incoming(JSON.stringify({ ip: value })), rows)?.faults[0]?.reason ?? null;
  assert.deepEqual(["token", "tokens", "::ffff:1.2.3.4"].map(read), [null, "bad_format", null]);
  assert.deepEqual(rows.columns[0]?.texts(), ["token", "1.2.3.4"]);
});

test("a field that another program has put into every object is no field of a message", () => {
  const reader = compileContract(contract([column("a"), column("b")]));
  const rows = { columns: [new TextColumn(), new TextColumn()], ids: [] };
  const prototype = Object.prototype as { a?: string };
  try {
    Object.defineProperty(prototype, "a", { value: "everywhere", configurable: true });
    assert.equal(reader.append(incoming('{"b": "here"}'), rows), null);
  } finally {
    delete prototype.a;
  }
  assert.deepEqual(
    rows.columns.map((each) => each.at(0)),
    [null, "here"],
  );
});

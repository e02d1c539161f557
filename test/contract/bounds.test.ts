import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";

import type { Column, Contract } from "../../src/contract/column.ts";
import { columnTypes } from "../../src/contract/column.ts";
import { describeStructure } from "../../src/contract/structure.ts";
import { type Checked, column, compileContract, contract, incoming, login, loginContract } from "./contracts.ts";

const mebibyte = 1_048_576;

/** One field read by every type, masked and plain, and by paths inside it. */
const everyReader: Contract = contract(
  [
    ...columnTypes.map((type) => column(`plain ${type}`, { from: "v", type })),
    ...columnTypes
      .filter((type) => type !== "json")
      .map((type) => column(`masked ${type}`, { from: "v", type, masked: "canonical" })),
    column("inside", {
      from: "v",
      type: "json",
      paths: ["a.*.b", "*.x", "k.l"].map((name) => column(name, { from: `v.${name}`, masked: "canonical" })),
    }),
  ],
  { maxBodyBytes: 2 * mebibyte },
);
const readByEvery = compileContract(everyReader);

/** A message at the bound, through all that reads it. The reasons of its faults; "" where it is a row. */
function reasonsOf(body: string, of: Contract = everyReader): string {
  const checked = (of === everyReader ? readByEvery : compileContract(of))(incoming(body));
  describeStructure(of, incoming(body));
  return "values" in checked ? "" : [...new Set(checked.faults.map(({ reason }) => reason))].join(" ");
}

/** What one column makes of a field's JSON text. */
function readField(json: string, parts: Partial<Column>): Checked {
  return compileContract(contract([column("field", parts)]))(incoming(`{"field": ${json}}`));
}

/** The value, or the reason of the only fault. */
function fieldOutcome(json: string, parts: Partial<Column>): string | null {
  const checked = readField(json, parts);
  return "values" in checked ? (checked.values[0] ?? null) : `! ${checked.faults.map(({ reason }) => reason).join(" ")}`;
}

suite("a body that is too large", () => {
  const small = (decode: Contract["decode"]): Contract => contract(loginContract.columns, { maxBodyBytes: 2_000, decode });
  const event = JSON.stringify(login);

  test("is refused without being parsed: that it is no JSON is never found out", () => {
    const broken = `${event}${" ".repeat(2_000)}not JSON`;
    assert.equal(reasonsOf(broken, small([])), "too_large");
    assert.equal(reasonsOf(broken, loginContract), "not_json", "parsed, it would be found out");
    assert.equal(reasonsOf(`${event}${" ".repeat(2_000)}`, small([])), "too_large", "nor is what would be a row");
    assert.equal(reasonsOf(`${event}${" ".repeat(2_000)}`, loginContract), "");
  });

  test("is refused before its envelope is opened, whatever is in it", () => {
    const wrappings: readonly (readonly [Contract["decode"], string])[] = [
      [["sns"], JSON.stringify({ Type: "Notification", Message: event, Signature: "x".repeat(2_000) })],
      [["eventbridge"], `{"detail-type": "login", "detail": ${event}, "rest": "${"x".repeat(2_000)}"}`],
      [["base64"], Buffer.from(event.padEnd(2_000)).toString("base64")],
    ];
    for (const [decode, body] of wrappings) {
      assert.equal(reasonsOf(body, small(decode)), "too_large", decode[0]);
      assert.equal(reasonsOf(body, contract(loginContract.columns, { decode })), "", `control: ${decode[0]} opens`);
    }
  });

  test("has no shape: it is not parsed for the quarantine either", () => {
    const padded = incoming(event.padEnd(3_000));
    assert.deepEqual(describeStructure(small([]), padded), []);
    assert.notDeepEqual(describeStructure(loginContract, padded), []);
  });
});

suite("a body that unpacks to far more than it is", () => {
  const limit = 2 * mebibyte;
  const packed = (bytes: number): Buffer<ArrayBuffer> => gzipSync(Buffer.alloc(bytes, "a"), { level: 9 });
  const unpacking = (...decode: Contract["decode"]): Contract => contract(loginContract.columns, { decode, maxBodyBytes: limit });

  test("stops at the limit: a body of one mebibyte that holds a gibibyte", () => {
    // gzip allows members one behind the other; as one it would be as large
    const member = packed(64 * mebibyte);
    const bomb = Buffer.concat(Array.from({ length: 16 }, () => member)).toString("base64");
    assert.ok(bomb.length < limit, "what is sent is within the limit: nothing but the unpacking can tell");
    const before = process.memoryUsage().arrayBuffers;
    assert.equal(reasonsOf(bomb, unpacking("base64", "gzip")), "too_large");
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * mebibyte, "what lies behind the limit was not unpacked");
  });

  test("stops at the limit at every level of a nest", () => {
    const twice = gzipSync(packed(64 * mebibyte));
    const decode = ["base64", "gzip", "gzip"] as const;
    assert.equal(
      reasonsOf(twice.toString("base64"), contract(loginContract.columns, { decode, maxBodyBytes: limit })),
      "too_large",
    );
    const text = gzipSync(packed(64 * mebibyte).toString("base64")).toString("base64");
    assert.equal(reasonsOf(text, unpacking("base64", "gzip", "base64", "gzip")), "too_large");
  });

  test("is no text when its bytes are no UTF-8", () => {
    const body = gzipSync(Buffer.from([...Buffer.from('{"user_id": "'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')])).toString(
      "base64",
    );
    assert.equal(reasonsOf(body, unpacking("base64", "gzip")), "bad_encoding");
  });
});

suite("nesting", () => {
  const nested = (depth: number): readonly string[] => [
    `{"v": ${"[".repeat(depth)}${"]".repeat(depth)}}`,
    `{"v": ${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`,
  ];

  test("of ten thousand levels, and of as many as a body can have, is read, refused and described", () => {
    for (const depth of [10_000, 170_000]) {
      for (const body of nested(depth)) assert.match(reasonsOf(body), /\bbad_format\b/, `${depth}`);
    }
  });

  test("of a million levels, whether it is closed or not, is refused", () => {
    const wide = { ...everyReader, maxBodyBytes: 8 * mebibyte };
    assert.match(reasonsOf(nested(1_000_000)[0] as string, wide), /\bbad_format\b/);
    assert.equal(reasonsOf("[".repeat(mebibyte)), "not_json");
    assert.equal(reasonsOf('{"v":'.repeat(mebibyte / 5)), "not_json");
    assert.equal(reasonsOf(`${"[".repeat(mebibyte / 2)}${"]".repeat(mebibyte / 2)}`), "body_is_list");
  });

  test("beside the columns does no harm: what is not named is not looked at", () => {
    const body = `${JSON.stringify(login).slice(0, -1)}, "rest": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    assert.equal(reasonsOf(body, { ...loginContract, maxBodyBytes: mebibyte }), "");
  });
});

suite("numbers that JSON can write and no double can hold", () => {
  const huge = ["1e400", "-1e400", "9".repeat(400), `-${"9".repeat(400)}`, `1${"0".repeat(400)}.5`];

  test("are refused by every type that reads numbers, at any depth", () => {
    for (const type of ["integer", "number", "timestamp", "json"] as const) {
      for (const json of huge) assert.equal(fieldOutcome(json, { type }), "! out_of_range", `${type} ${json.slice(0, 6)}`);
    }
    assert.equal(fieldOutcome('{"a": [1e400]}', { type: "json" }), "! out_of_range");
  });

  test("are refused inside an EventBridge event too, and do not become a missing value there", () => {
    const wrapped = contract([column("n", { type: "number" }), column("j", { type: "json" })], { decode: ["eventbridge"] });
    assert.equal(reasonsOf('{"detail-type": "x", "detail": {"n": 1e400, "j": {"a": 1e400}}}', wrapped), "out_of_range");
    assert.equal(reasonsOf('{"detail-type": "x", "detail": {"n": 1e300}}', wrapped), "");
  });

  test("and whose digits it cannot hold are refused where they count", () => {
    assert.equal(fieldOutcome("9007199254740993", { type: "integer" }), "! out_of_range");
    assert.equal(fieldOutcome("9007199254740993", { type: "json" }), "! out_of_range");
    assert.equal(fieldOutcome(`"${"9".repeat(mebibyte / 4)}"`, { type: "integer" }), "! too_large");
    assert.equal(fieldOutcome(`"${"9".repeat(200_000)}"`, { type: "integer" }), "! out_of_range");
    assert.equal(fieldOutcome(`"${"9".repeat(200_000)}"`, { type: "number" }), "! out_of_range");
  });

  test("minus zero is zero, and what is too small for a double is too", () => {
    for (const json of ["-0", "-0.0", "-0e5", "1e-400", "-1e-400"]) {
      for (const type of ["integer", "number", "json"] as const) assert.equal(fieldOutcome(json, { type }), "0", `${type} ${json}`);
    }
  });
});

suite("keys", () => {
  test("that come twice: the last counts, in the body, inside a column, and in an envelope", () => {
    assert.equal(fieldOutcome('1, "field": 2', { type: "integer" }), "2");
    assert.equal(fieldOutcome('1, "field": null', { type: "integer" }), null);
    assert.equal(fieldOutcome('{"a": 1, "a": 2}', { type: "json" }), '{"a":2}');
    const twice = '{"Type": "Notification", "Message": "{}", "Message": "{\\"field\\": 7}"}';
    const read = compileContract(contract([column("field", { type: "integer" })], { decode: ["sns"] }));
    assert.deepEqual(read(incoming(twice)), { values: ["7"] });
  });

  test("that are named like what objects inherit are keys: they change no prototype, and a path finds nothing that is inherited", () => {
    const hostile = JSON.stringify(login).slice(0, -1);
    const bodies = [
      `${hostile}, "__proto__": {"polluted": true, "locale": "xx"}}`,
      `${hostile}, "constructor": {"prototype": {"polluted": true}}}`,
      `{"__proto__": ${JSON.stringify(login)}}`,
    ];
    assert.deepEqual(
      bodies.map((body) => reasonsOf(body, loginContract)),
      ["", "", "missing"],
      "values of a key __proto__ are not those of the body",
    );
    assert.equal(Reflect.get({}, "polluted"), undefined);
    for (const from of ["constructor", "toString", "constructor.name", "__proto__", "__proto__.toString", "hasOwnProperty"]) {
      assert.equal(reasonsOf("{}", contract([column("c", { from, required: true })])), "missing", from);
      assert.equal(
        reasonsOf('{"constructor": {}, "__proto__": {}}', contract([column("c", { from: `${from}.length`, required: true })])),
        "missing",
        from,
      );
    }
  });

  test("that are named so can be masked inside a column, and stay members of their object", () => {
    const inside = {
      type: "json",
      paths: [column("__proto__", { from: "field.__proto__", type: "ip", masked: "canonical" })],
    } as const;
    assert.equal(fieldOutcome('{"__proto__": "::ffff:203.0.113.7"}', inside), '{"__proto__":"203.0.113.7"}');
    assert.equal(
      fieldOutcome('{"__proto__": {"a": 1}, "constructor": {"prototype": null}}', { type: "json" }),
      '{"__proto__":{"a":1},"constructor":{"prototype":null}}',
    );
  });

  test("are read whatever their number and length", () => {
    const many = Array.from({ length: 100_000 }, (_, n) => `"k${n}":1`).join();
    const wide = { ...loginContract, maxBodyBytes: 2 * mebibyte };
    assert.equal(reasonsOf(`${JSON.stringify(login).slice(0, -1)},${many}}`, wide), "");
    assert.equal(reasonsOf(`${JSON.stringify(login).slice(0, -1)},"${"k".repeat(mebibyte)}":1}`, wide), "");
    for (const value of [
      `{${many}}`,
      `{"${"k".repeat(mebibyte)}":1}`,
      `{"a${".b".repeat(mebibyte / 2)}":1}`,
      `{"a${".x".repeat(mebibyte / 2)}":1}`,
    ]) {
      assert.match(reasonsOf(`{"v": ${value}}`), /\bwrong_type\b/);
    }
  });
});

suite("texts made to be slow", () => {
  const pieces = [
    ...["a", "1", ".", "1.", " ", "\u00a0", "@", "a@", "a.", "a@a.", ":", "1:", "::", "0:", "-", "0", "00", "ffff:", "urn:uuid:"],
    ...[
      "2024-01-31T",
      "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11",
      "{",
      "\u0301",
      "a\u0301",
      `a${"\u0301".repeat(30)}`,
      "\u1100\u1161",
      "\ufdfa",
    ],
    ...["\ud83d\ude00", "ü", "xn--", "\n", '"', "\\"],
  ];

  test("are read once by every type: a mebibyte of each, with an end that nearly fits", () => {
    for (const piece of pieces) {
      const text = piece.repeat(Math.floor(mebibyte / Buffer.byteLength(JSON.stringify(piece))));
      // the columns that take no text see to it that there is a fault; without an answer the test would not end
      for (const end of ["", "!", "@example.com", "Z"])
        assert.match(reasonsOf(JSON.stringify({ v: text + end })), /\bwrong_type\b/);
    }
  });

  test("of half surrogate pairs and NULs are refused by every type that reads text", () => {
    for (const escape of ["\\ud800", "\\udc00", "\\u0000", "a\\ud800"]) {
      const json = `"${escape.repeat(10_000)}"`;
      for (const type of ["text", "json"] as const) assert.equal(fieldOutcome(json, { type }), "! bad_character", type);
      for (const type of ["integer", "number", "uuid", "ip", "email", "date", "timestamp", "version"] as const)
        assert.match(fieldOutcome(json, { type }) ?? "", /^! bad_(?:format|character)$/, type);
      assert.equal(fieldOutcome(`{${json}: 1}`, { type: "json" }), "! bad_character", "as a key");
    }
  });
});

test("no refusal at a bound shows anything of its message", () => {
  const canary = "qXz7canary";
  const values = [
    `"${canary.repeat(10_000)}"`,
    `{"${canary}": {"${canary}": "${canary}"}}`,
    `[${`"${canary}",`.repeat(1_000)}1e400]`,
    `"${canary}\\u0000"`,
    `"${canary}\\ud800"`,
    `"${canary}@${canary}.${canary}"`,
  ];
  for (const value of values) {
    const checked = readByEvery(incoming(`{"v": ${value}}`));
    assert.ok("faults" in checked);
    const shape = describeStructure(everyReader, incoming(`{"v": ${value}, "${canary}": 1}`));
    assert.ok(!JSON.stringify([checked, shape]).includes(canary));
  }
});

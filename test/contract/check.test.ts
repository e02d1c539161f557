import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { columnProblem, mayBeNull } from "../../src/contract/check.ts";
import { type Column, columnTypes, type Contract } from "../../src/contract/column.ts";
import type { Incoming } from "../../src/contract/incoming.ts";
import { column, compileContract, contract, incoming, login, loginContract, outcome, read } from "./contracts.ts";

const checkLogin = compileContract(loginContract);

function reasonsOf(body: string): readonly string[] {
  const checked = checkLogin(incoming(body));
  return "faults" in checked ? checked.faults.map(({ reason, path }) => (path === "" ? reason : `${reason} ${path}`)) : [];
}

function value(parts: Partial<Column>, facts: Partial<Incoming>): string | null {
  const checked = compileContract(contract([column("field", parts)]))(incoming("{}", facts));
  return "values" in checked ? (checked.values[0] ?? null) : `! ${checked.faults[0]?.reason} (${checked.faults[0]?.found})`;
}

describe("a login", () => {
  test("becomes a row in the order of the contract", () => {
    assert.deepEqual(checkLogin(incoming(JSON.stringify(login))), {
      values: [login.user_id, "android", "203.0.113.7", "593-47-5928", "RU", "2", "2024-01-31"],
    });
  });

  test("may lack its locale and version, and hold fields nobody asked for", () => {
    const { locale: _locale, app_version: _version, ...rest } = login;
    const expected = { values: [login.user_id, "android", "203.0.113.7", "593-47-5928", null, null, "2024-01-31"] };
    assert.deepEqual(checkLogin(incoming(JSON.stringify({ ...rest, locale: null, email: "a@b.c", "": [] }))), expected);
  });

  test("holds values that are no SQL", () => {
    const checked = checkLogin(incoming(JSON.stringify({ ...login, user_id: "O'Brien'); --\\", locale: "None" })));
    assert.deepEqual("values" in checked && [checked.values[0], checked.values[4]], ["O'Brien'); --\\", "None"]);
  });

  test("is checked whole: every fault is found", () => {
    assert.deepEqual(reasonsOf('{"foo": "oops_wrong_msg_type", "bar": "123"}'), [
      "missing user_id",
      "missing device_type",
      "missing ip",
      "missing device_id",
    ]);
    assert.deepEqual(
      reasonsOf(JSON.stringify({ ...login, user_id: 7, ip: "unknown", device_id: " ", locale: "\0", app_version: "v2" })),
      ["wrong_type user_id", "bad_format ip", "missing device_id", "bad_character locale", "bad_format app_version"],
    );
  });
});

describe("a body", () => {
  test("that is no object has a reason of its own", () => {
    const bodies: Readonly<Record<string, string>> = {
      "": "not_json",
      "{": "not_json",
      '{"a": 1} x': "not_json",
      null: "not_object",
      "42": "not_object",
      '"text"': "not_object",
      true: "not_object",
      "[]": "body_is_list",
      [`[${JSON.stringify(login)}]`]: "body_is_list",
      '["PayloadS3Pointers", {}]': "body_is_list",
      '["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3Key": "k"}]': "s3_pointer",
      '["com.amazon.sqs.javamessaging.MessageS3Pointer", {"s3Key": "k"}]': "s3_pointer",
    };
    for (const [body, reason] of Object.entries(bodies)) assert.deepEqual(reasonsOf(body), [reason], body);
  });

  test("is measured before it is parsed", () => {
    const check = compileContract(contract([column("a")], { maxBodyBytes: 10 }));
    assert.ok("values" in check(incoming('{"a":"é"}')));
    const checked = check(incoming('{"a":"éé"}'));
    assert.deepEqual("faults" in checked && checked.faults, [
      { reason: "too_large", path: "", expected: "at most 10 bytes", found: "12 bytes" },
    ]);
  });

  test("of 30,000 levels is read like any other", () => {
    const deep = `${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}`;
    assert.ok(reasonsOf(deep).includes("missing ip"));
  });

  test("with a key twice counts the last", () => {
    assert.deepEqual(compileContract(contract([column("a")]))(incoming('{"a": "1", "a": "2"}')), { values: ["2"] });
  });
});

describe("a value that is not there", () => {
  test("is a fault only where it is required, and says how it is missing", () => {
    assert.equal(outcome(undefined, {}), null);
    assert.equal(outcome(null, {}), null);
    for (const [absent, found] of [
      [undefined, "absent"],
      [null, "null"],
    ] as const) {
      assert.deepEqual(read(absent, { required: true }), {
        faults: [{ reason: "missing", path: "field", expected: "a value", found }],
      });
    }
  });

  test("never becomes a token shared by all: blank is missing in a masked column", () => {
    for (const masked of ["canonical", "raw"] as const) {
      for (const type of ["text", "ip", "uuid"] as const) {
        assert.equal(outcome(" \t", { type, masked }), null);
        assert.deepEqual(read("", { type, masked, required: true }), {
          faults: [{ reason: "missing", path: "field", expected: "a value", found: "empty text" }],
        });
      }
    }
    assert.equal(outcome("", { required: true }), "");
  });

  test("has its fallback, read through the column's type", () => {
    assert.equal(outcome(null, { fallback: "XX" }), "XX");
    assert.equal(outcome(undefined, { fallback: "2.3.0", type: "version", required: true }), "2");
    assert.equal(outcome(null, { fallback: "true", type: "boolean" }), "true");
    assert.equal(outcome(null, { fallback: '{"a":  1}', type: "json" }), '{"a":1}');
    assert.equal(outcome("DE", { fallback: "XX" }), "DE");
  });
});

describe("what the source knows", () => {
  test("the sent time is a UTC day, a timestamp or milliseconds, wherever the process runs", () => {
    const zone = process.env["TZ"];
    try {
      for (const name of ["UTC", "Pacific/Kiritimati", "America/Anchorage"]) {
        process.env["TZ"] = name;
        assert.equal(value({ from: "$sent_at", type: "date" }, {}), "2024-01-31");
        assert.equal(value({ from: "$sent_at", type: "timestamp" }, {}), "2024-01-31T23:59:59.999Z");
        assert.equal(value({ from: "$sent_at", type: "integer" }, {}), "1706745599999");
        assert.equal(value({ from: "$received_at", type: "date" }, {}), "2024-02-01");
      }
    } finally {
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
    assert.equal(value({ from: "$sent_at", type: "timestamp" }, { sentAtMs: 1000 }), "1970-01-01T00:00:01Z");
  });

  test("a redelivery the day after gives the same row", () => {
    const first = checkLogin(incoming(JSON.stringify(login)));
    assert.deepEqual(checkLogin(incoming(JSON.stringify(login), { receivedAtMs: 1_706_900_000_000 })), first);
  });

  test("a missing sent time is a fault or an explicit default, never 1970", () => {
    assert.equal(value({ from: "$sent_at", type: "date" }, { sentAtMs: null }), "! missing (null)");
    assert.equal(value({ from: "$sent_at", type: "date", fallback: "2024-01-01" }, { sentAtMs: null }), "2024-01-01");
    assert.equal(value({ from: "$sent_at", type: "date", fallback: "2024-01-01" }, {}), "2024-01-31");
  });

  test("a time that is none is refused", () => {
    for (const sentAtMs of [Number.NaN, Number.POSITIVE_INFINITY, 1e15, -1e15]) {
      assert.equal(value({ from: "$sent_at", type: "date" }, { sentAtMs }), "! out_of_range (another year)");
    }
  });

  test("ids, groups and attributes are texts, null when absent", () => {
    assert.equal(value({ from: "$message_id" }, { id: "m-1" }), "m-1");
    assert.equal(value({ from: "$group_id" }, { groupId: "g" }), "g");
    assert.equal(value({ from: "$group_id" }, {}), null);
    assert.equal(value({ from: "$attributes.trace.id" }, { attributes: { "trace.id": "t" } }), "t");
    assert.equal(value({ from: "$attributes.attempts", type: "integer" }, { attributes: { attempts: "3" } }), "3");
    for (const name of ["absent", "constructor", "__proto__"]) assert.equal(value({ from: `$attributes.${name}` }, {}), null);
    assert.equal(value({ from: "$attributes.absent", required: true }, {}), "! missing (absent)");
  });
});

describe("a column", () => {
  test("that legacy hashes mask keeps the text that was sent, once it has passed", () => {
    assert.equal(outcome(" ::FFFF:1.2.3.4 ", { type: "ip", masked: "raw" }), " ::FFFF:1.2.3.4 ");
    assert.equal(outcome("unknown", { type: "ip", masked: "raw" }), "! bad_format");
    assert.equal(outcome(5, { type: "integer", masked: "raw" }), "5");
  });

  test("that cannot be read is reported in words", () => {
    assert.match(columnProblem(column("a..b")) ?? "", /^from: a\.\.b .*empty part/);
    assert.match(columnProblem(column("a", { from: "$sent" })) ?? "", /^from: \$sent is not known; allowed: .*\$sent_at/);
    assert.match(columnProblem(column("a", { from: "$attributes." })) ?? "", /^from: /);
    assert.match(columnProblem(column("a", { from: "$sent_at", type: "ip" })) ?? "", /^type: /);
    assert.match(columnProblem(column("a", { type: "ip", fallback: "here" })) ?? "", /^default: /);
    assert.match(columnProblem(column("a", { type: "json", fallback: "{" })) ?? "", /^default: /);
    assert.match(columnProblem(column("a", { masked: "canonical", fallback: "x" })) ?? "", /^default: /);
    for (const good of loginContract.columns) assert.equal(columnProblem(good), null);
    assert.throws(() => compileContract(contract([column("a..b")])), { code: "config_invalid" });
  });

  test("may be NULL unless it is required, has a default, or every message has it", () => {
    assert.equal(mayBeNull(column("a")), true);
    assert.equal(mayBeNull(column("a", { required: true })), false);
    assert.equal(mayBeNull(column("a", { fallback: "x" })), false);
    assert.equal(mayBeNull(column("a", { from: "$sent_at", type: "date" })), false);
    assert.equal(mayBeNull(column("a", { from: "$message_id" })), false);
    assert.equal(mayBeNull(column("a", { from: "$group_id" })), true);
  });
});

describe("whatever comes", () => {
  const canary = "qXz7canary";
  const everyType: Contract = contract(
    columnTypes.flatMap((type) =>
      (["no", "canonical", "raw"] as const).map((masked) => column(`${type}_${masked}`, { from: "f", type, masked, max: 12 })),
    ),
  );
  const checkEveryType = compileContract(everyType);

  test("no body makes the check throw", () => {
    const bodies = fc.oneof(
      fc.json(),
      fc.string({ unit: "binary" }),
      fc.jsonValue().map((f) => JSON.stringify({ f })),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        for (const check of [checkLogin, checkEveryType]) {
          const checked = check(incoming(body));
          assert.ok("values" in checked || checked.faults.length > 0);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("faults hold nothing of the body", () => {
    const keyed = (text: string): unknown => ({ [canary]: text, list: [canary, text] });
    const texts = fc.string({ unit: "binary" }).map((text) => `${canary}${text}`);
    const values = fc.oneof(texts, texts.map(keyed), fc.constant([canary]), fc.constant({ [`${canary}\0`]: 1 }));
    const fields = fc.record({ f: values, ip: values, device_id: values, app_version: values, user_id: values, locale: values });
    const bodies = fc.oneof(
      fields.map((body) => JSON.stringify(body)),
      texts,
      texts.map((text) => JSON.stringify(text)),
      texts.map((text) => JSON.stringify([text])),
      fc.constant(`{"${canary}": }`),
    );
    let refused = 0;
    fc.assert(
      fc.property(bodies, (body) => {
        for (const check of [checkLogin, checkEveryType]) {
          const checked = check(incoming(body));
          if ("values" in checked) continue;
          refused += 1;
          assert.ok(!JSON.stringify(checked.faults).includes(canary));
        }
      }),
    );
    assert.ok(refused > 100);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { contractHash } from "../../src/contract/contract-hash.ts";
import { compileIdentity } from "../../src/contract/identity.ts";
import { describeStructure } from "../../src/contract/structure.ts";
import { MasklineError } from "../../src/errors.ts";
import { column, compileContract, contract, incoming } from "./contracts.ts";

const byEvent = contract([column("name", { max: 5 })], { identity: "event.id" });
const checkByEvent = compileContract(byEvent);

/** What one value at event.id makes of a message: its identity, or its one fault. */
function identityOf(value: unknown): string {
  const checked = checkByEvent(incoming(JSON.stringify({ name: "Ann", event: { id: value } })));
  if ("values" in checked) return checked.identity ?? "none";
  assert.equal(checked.identity, undefined);
  assert.equal(checked.faults.length, 1);
  const [fault] = checked.faults;
  return `! ${fault?.reason} ${fault?.path} (${fault?.found})`;
}

describe("an identity from the body", () => {
  test("is a text as it was sent, or a whole number", () => {
    for (const text of ["order-4711", " a ", "Ünïcode", "7", "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11"]) {
      assert.equal(identityOf(text), text);
    }
    assert.equal(identityOf(7), identityOf("7"), "a number and its digits are the same");
    assert.equal(identityOf(-0), "0");
    assert.equal(identityOf(Number.MAX_SAFE_INTEGER), "9007199254740991");
  });

  test("that is missing, blank, of another type or not exact is a fault at its path", () => {
    assert.equal(identityOf(undefined), "! missing event.id (absent)");
    assert.equal(identityOf(null), "! missing event.id (null)");
    assert.equal(identityOf(" \n"), "! missing event.id (empty text)");
    for (const [value, found] of [
      [true, "true/false"],
      [["a"], "list"],
      [{ a: 1 }, "object"],
    ] as const) {
      assert.equal(identityOf(value), `! wrong_type event.id (${found})`);
    }
    assert.equal(identityOf(1.5), "! bad_format event.id (number with a fraction)");
    assert.equal(identityOf(2 ** 53), "! out_of_range event.id (number)", "rounded already: two messages would be one");
    assert.equal(identityOf("a\0"), "! bad_character event.id (text)");
    assert.equal(identityOf("a\ud800"), "! bad_character event.id (text)");
  });

  test("has 256 characters at most, counted as code points", () => {
    assert.equal(identityOf("a".repeat(256)).length, 256);
    assert.equal(identityOf("\u{1F600}".repeat(256)), "\u{1F600}".repeat(256));
    assert.equal(identityOf("a".repeat(257)), "! too_long event.id (257 characters)");
  });

  test("is known of a message that is refused for something else", () => {
    const checked = checkByEvent(incoming('{"name": "too long", "event": {"id": "e-1"}}'));
    assert.ok("faults" in checked);
    assert.deepEqual(
      checked.faults.map(({ reason, path }) => [reason, path]),
      [["too_long", "name"]],
    );
    assert.equal(checked.identity, "e-1");
  });

  test("comes first among the faults, and once where a column has the same", () => {
    const checked = checkByEvent(incoming('{"name": "too long"}'));
    assert.ok("faults" in checked);
    assert.deepEqual(
      checked.faults.map(({ reason, path }) => [reason, path]),
      [
        ["missing", "event.id"],
        ["too_long", "name"],
      ],
    );
    const twice = compileContract(contract([column("id", { required: true })], { identity: "id" }))(incoming("{}"));
    assert.ok("faults" in twice && twice.faults.length === 1);
  });

  test("is not known of a body that cannot be opened", () => {
    for (const body of ["", "[]", "7", `{"event": {"id": "${"a".repeat(300_000)}"}}`]) {
      const checked = checkByEvent(incoming(body));
      assert.ok("faults" in checked && checked.faults.length === 1);
      assert.equal(checked.identity, undefined);
    }
  });

  test("is the same for equal values and different for different ones, and never throws", () => {
    const written = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        const [one, other] = [identityOf(left), identityOf(right)];
        if (one.startsWith("! ") || other.startsWith("! ")) return;
        assert.equal(one === other, written(left) === written(right));
      }),
    );
  });
});

describe("an identity from the attributes", () => {
  const check = compileContract(contract([column("name")], { identity: "$attributes.event_id" }));

  test("is read, also where the body cannot be opened", () => {
    const attributes = { event_id: "e-1" };
    assert.deepEqual(check(incoming('{"name": "Ann"}', { attributes })), { values: ["Ann"], identity: "e-1" });
    const refused = check(incoming("no JSON", { attributes }));
    assert.ok("faults" in refused && refused.identity === "e-1");
  });

  test("that is missing is a fault; nothing is inherited", () => {
    const inherited = compileContract(contract([column("name")], { identity: "$attributes.constructor" }));
    for (const one of [check, inherited]) {
      const checked = one(incoming("{}"));
      assert.ok("faults" in checked && checked.faults[0]?.reason === "missing");
    }
  });
});

describe("a contract with an identity", () => {
  test("is another contract than without, and than with another", () => {
    const { identity: _identity, ...plain } = byEvent;
    const hashes = [plain, byEvent, { ...byEvent, identity: "event" }].map(contractHash);
    assert.equal(new Set(hashes).size, 3);
  });

  test("shows the identity's shape in the structure of a refused message, never its value", () => {
    assert.deepEqual(describeStructure(byEvent, incoming('{"event": {"id": "e-1"}}')), [
      { path: "name", found: "absent", length: null },
      { path: "event.id", found: "text", length: 3 },
    ]);
  });

  test("is refused where the identity is no path, or names many messages", () => {
    for (const identity of ["a..b", ".", "$", "$attributes.", "$sent_at", "$group_id"]) {
      assert.equal(typeof compileIdentity(identity), "string", identity);
      assert.throws(() => compileContract({ ...byEvent, identity }), MasklineError);
    }
  });
});

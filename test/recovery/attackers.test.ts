import assert from "node:assert/strict";
import { test } from "node:test";

import { createMask } from "../../src/masks/create-mask.ts";
import { type MaskDefinition, maskFacts, maskKinds } from "../../src/masks/mask.ts";
import { type Attacker, attackers, exposureOf, type Gain, measuredRounds, measureRate } from "../../src/recovery/attackers.ts";
import { candidatesFor } from "../../src/recovery/candidates.ts";
import { quasiIdentifiersOf } from "../../src/recovery/quasi-identifiers.ts";
import { soughtDomain, valueDomainOf } from "../../src/recovery/value-domain.ts";
import { maskDefinition, onlyKey, testKey } from "../masks/masks.ts";
import { samples } from "../masks/samples.ts";

const everySample = Object.values(samples).flat();

const gainsOf = (definition: MaskDefinition): Readonly<Record<Attacker, Gain>> => {
  const { gains } = exposureOf(definition, valueDomainOf(definition, null), 1_000);
  return { table: gains.table.gain, masker: gains.masker.gain, writersRing: gains.writersRing.gain, fullRing: gains.fullRing.gain };
};

test("each kind of mask gives each attacker what its construction gives", () => {
  const opens = { table: "equality", masker: "enumeration", writersRing: "opens", fullRing: "opens" };
  const oneWay = { table: "equality", masker: "enumeration", writersRing: "enumeration", fullRing: "enumeration" };
  const same = (gain: Gain): unknown => Object.fromEntries(attackers.map((attacker) => [attacker, gain]));
  const expected: Readonly<Record<string, unknown>> = {
    siv: opens,
    ipcrypt: opens,
    "ipcrypt-pfx": opens,
    ff1: opens,
    hmac: oneWay,
    cmac: oneWay,
    partial: same("part"),
    generalise: same("part"),
    redact: same("nothing"),
    null: same("nothing"),
    constant: same("nothing"),
    sha256: same("enumeration"),
  };
  for (const [kind, gains] of Object.entries(expected)) {
    assert.ok(maskKinds.some((one) => one === kind));
    assert.deepEqual(gainsOf(maskDefinition({ kind: kind as MaskDefinition["kind"], type: "ip" })), gains, kind);
  }
  const salted = maskDefinition({ kind: "sha256", type: "ip", settings: { salt: "a salt" } });
  assert.deepEqual(gainsOf(salted), oneWay, "the salt is not in the table, and in every configuration");
});

test("nobody gains less than one who has less", () => {
  const order: readonly Gain[] = ["nothing", "part", "equality", "enumeration", "opens"];
  for (const { definition } of everySample) {
    const gains = gainsOf(definition);
    const places = attackers.map((attacker) => order.indexOf(gains[attacker]));
    assert.deepEqual(
      places,
      places.toSorted((left, right) => left - right),
      definition.kind,
    );
  }
});

test("what everyone sees in the tokens is said: prefixes, formats, and lengths where they are as long as the value", () => {
  const shown = (parts: Parameters<typeof maskDefinition>[0]): unknown =>
    exposureOf(maskDefinition(parts), { values: null, says: "" }, 1).shown;
  assert.deepEqual(shown({ kind: "ipcrypt-pfx", type: "ip" }), ["prefix"]);
  assert.deepEqual(shown({ kind: "ff1", type: "text" }), ["format"]);
  assert.deepEqual(shown({ kind: "partial", type: "text" }), ["part"]);
  assert.deepEqual(shown({ kind: "siv", type: "text", encode: "text" }), ["length"]);
  assert.deepEqual(shown({ kind: "siv", type: "ip", encode: "packed" }), []);
  assert.deepEqual(shown({ kind: "hmac", type: "text", encode: "text" }), []);
});

test("to try all values takes their number through the speed; texts are not counted", () => {
  const seconds = (parts: Parameters<typeof maskDefinition>[0], rate: number | null): number | null => {
    const definition = maskDefinition(parts);
    return exposureOf(definition, valueDomainOf(definition, null), rate).gains.masker.seconds;
  };
  assert.equal(seconds({ kind: "hmac", type: "ip" }, 2 ** 20), 4_096);
  assert.equal(seconds({ kind: "hmac", type: "date" }, 1), 3_652_059);
  assert.equal(seconds({ kind: "hmac", type: "text" }, 1_000), null);
  assert.equal(seconds({ kind: "hmac", type: "ip" }, null), null);
});

test("the sizes of domains are what counting them gives", () => {
  const valuesOf = (
    kind: MaskDefinition["kind"],
    type: MaskDefinition["type"],
    settings: MaskDefinition["settings"] = {},
    max: number | null = null,
  ) => valueDomainOf({ kind, type, settings }, max).values;
  const days = (Date.UTC(9999, 11, 31) - new Date("0001-01-01T00:00:00Z").getTime()) / 86_400_000 + 1;
  assert.equal(valuesOf("hmac", "date"), days);
  assert.equal(valuesOf("hmac", "timestamp"), days * 24 * 3_600 * 1e6);
  assert.equal(valuesOf("ff1", "text", { template: "###-##-####" }), 10 ** 9);
  assert.equal(valuesOf("ff1", "text", { alphabet: "hex", template: "#x#" }), 256);
  assert.equal(valuesOf("ff1", "text", {}, 7), 10 ** 6 + 10 ** 7, "six characters are the fewest");
  assert.equal(valuesOf("ff1", "text"), null, "1,024 digits are more than a number holds");
  assert.equal(valuesOf("hmac", "version"), 10 ** 9);
  assert.equal(valuesOf("hmac", "version", { as: "packed" }), 2_147_000_000);
  for (const type of ["text", "email", "number"] as const) assert.equal(valuesOf("hmac", type), null);
  assert.deepEqual(
    ["ip", "ssn-shape", "card", "email", { name: "employee", pattern: "E[0-9]{6}" }].map((sought) => soughtDomain(sought).values),
    [2 ** 32, 10 ** 9, 10 ** 15, null, null],
  );
});

test("every mask takes the candidates it is measured with, and they are different", () => {
  for (const { name, definition } of everySample) {
    const { kind, domain } = definition;
    const mask = createMask(definition, domain === null ? null : onlyKey(testKey(kind, domain)));
    const candidates = candidatesFor(definition, 1_024);
    assert.equal(mask.apply(candidates).length, 1_024, name);
    if (maskFacts[kind].keepsEquality) assert.equal(new Set(mask.apply(candidates)).size, new Set(candidates).size, name);
    assert.ok(new Set(candidates).size === 1_024 || definition.type === "boolean", name);
  }
});

test("the speed is values through time in the best round, without the first batch", () => {
  let nowMs = 0;
  let batches = 0;
  const apply = (values: readonly string[]): void => {
    batches += 1;
    // the second round is the fastest, the first batch takes a second
    const perValueMs = batches > 3 && batches < 8 ? 2 : 4;
    nowMs += batches === 1 ? 1_000 : values.length * perValueMs;
  };
  assert.equal(
    measureRate(apply, ["a", "b", "c"], () => nowMs, 96),
    500,
  );
  assert.equal(batches, 1 + 2 + 4 + 2 + 2, "each round as long as its part of the time");
  assert.equal(measuredRounds, 4);
});

test("ids, JSON and masked columns are left out of what somebody could know, each with its reason", () => {
  const column = (name: string, type: MaskDefinition["type"] = "text", from: string = name) => ({ name, from, type });
  const found = quasiIdentifiersOf(
    [
      { column: column("user_id"), masked: "no" },
      { column: column("locale"), masked: "no" },
      { column: column("valid"), masked: "no" },
      { column: column("session", "uuid"), masked: "no" },
      { column: column("message", "text", "$message_id"), masked: "no" },
      { column: column("order", "text", "order_number"), masked: "no" },
      { column: column("details", "json"), masked: "no" },
      { column: column("ip", "ip"), masked: "whole" },
      { column: column("network", "ip", "ip"), masked: "a part" },
      { column: column("day", "date", "$sent_at"), masked: "no" },
    ],
    "order_number",
  );
  assert.deepEqual(found.columns, ["locale", "valid", "network", "day"]);
  assert.deepEqual(
    found.leftOut.map(({ column: name, because }) => `${name}: ${because}`),
    ["user_id: an id", "session: an id", "message: an id", "order: an id", "details: json", "ip: masked"],
  );
});

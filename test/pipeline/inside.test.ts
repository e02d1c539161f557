import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { duplicatesQuestion } from "../../src/app/duplicates.ts";
import { columnDemands, createMasks, maskPins, preparation } from "../../src/app/masks.ts";
import { reviewMasks } from "../../src/app/review-masks.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { findSurrogates } from "../../src/masks/scan/surrogate.ts";
import type { Delivery } from "../../src/pipeline/ports.ts";
import type { Prepared } from "../../src/pipeline/prepare.ts";
import { load } from "../harness/configuration.ts";
import { makeDelivery } from "../harness/login-table.ts";
import { ringOf, root } from "../keys/rings.ts";

const settings = load(`columns:
  user_id: { type: text, required: true }
  ip: { type: ip, required: false, mask: { kind: siv, domain: login.ip } }
  tag: { type: text, required: false, mask: { kind: siv, domain: support.notes } }
  details:
    type: json
    paths:
      client.ip: { type: ip, mask: { kind: siv, domain: login.ip } }
      devices.*.id: { type: text, max: 40, mask: { kind: hmac, domain: login.device_id } }
  notes:
    type: text
    max: 1000
    required: false
    scan: [ip, email, uuid, ssn-shape, card, { name: employee, pattern: "E[0-9]{6}" }]
    mask: { kind: siv, domain: support.notes }
`);
const ring = createKeyRing(randomBytes);
const whole = preparation(settings, createMasks(settings.columns, ring));
const run = (deliveries: readonly Delivery[]): Prepared => whole.prepare(deliveries);

function event(parts: Record<string, unknown>): Delivery {
  return makeDelivery({ body: JSON.stringify({ user_id: "u", ...parts }) });
}

function rowOf(parts: Record<string, unknown>): Record<string, string | null> {
  const { rows, refused } = run([event(parts)]);
  assert.deepEqual(refused, []);
  return Object.fromEntries(settings.columns.map(({ column }, index) => [column.name, rows.columns[index]?.at(0) ?? null]));
}

function reasonsOf(parts: Record<string, unknown>): string[] {
  return run([event({}), event(parts), event({})]).refused.flatMap(({ faults }) =>
    faults.map(({ reason, path }) => `${reason} ${path}`),
  );
}

test("a value inside JSON and in a text has the token of a plain column of its domain: they can be joined", () => {
  const { ip, details } = rowOf({ ip: "::FFFF:203.0.113.7", details: { client: { ip: "203.0.113.7" }, devices: [{ id: "d" }] } });
  const json = JSON.parse(details ?? "") as { client: { ip: string }; devices: { id: string }[] };
  assert.equal(json.client.ip, ip);
  assert.match(json.devices[0]?.id ?? "", /^[\w-]{22}$/);
  const { tag, notes } = rowOf({ tag: "ann@example.com", notes: "from ann@Example.COM" });
  assert.deepEqual(
    findSurrogates(notes ?? "").map(({ domain, token }) => [domain, token]),
    [["support.notes", tag]],
  );
});

test("a text that is scanned may be blank, and stays as it was sent where nothing is found", () => {
  for (const notes of ["", "  ", " as it was \n", "Jose\u0301"]) assert.equal(rowOf({ notes })["notes"], notes);
  assert.equal(rowOf({})["notes"], null);
  assert.deepEqual(reasonsOf({ notes: "x".repeat(1_001) }), ["too_long notes"], "the limit is of what was sent");
});

test("a token of ours is refused wherever it comes in: in a plain column, at a path, in a text", () => {
  const { ip, tag } = rowOf({ ip: "203.0.113.7", tag: "ann@example.com" });
  assert.deepEqual(reasonsOf({ details: { client: { ip } } }), ["bad_format details.client.ip"], "no address");
  assert.deepEqual(reasonsOf({ notes: `mine is ${tag}` }), ["already_masked notes"]);
  assert.deepEqual(reasonsOf({ notes: `{{pii:support.notes:${tag}}}` }), ["already_masked notes"]);
  const text = load(`columns: { d: { type: json, paths: { a: { type: text, mask: { kind: siv, domain: support.notes } } } } }\n`);
  const { refused } = preparation(text, createMasks(text.columns, ring)).prepare([
    event({ d: { a: tag } }),
    event({ d: { a: "x" } }),
  ]);
  assert.deepEqual(
    refused.map(({ faults }) => faults.map(({ reason }) => reason)),
    [["already_masked"]],
  );
});

test("a fault of a mask inside JSON names its path, and every one of them", () => {
  const inside = load(`columns:
  d:
    type: json
    paths:
      a: { type: text, mask: { kind: siv, domain: support.notes } }
      list.*.id: { type: text, mask: { kind: ff1, domain: ids, template: "###-##-####" } }
      b: { type: text, mask: { kind: siv, domain: support.notes } }
`);
  const { tag } = rowOf({ tag: "ann@example.com" });
  const good = { a: "x", b: "y", list: [{ id: "593-47-5928" }] };
  const bodies = [good, { ...good, a: tag }, { ...good, a: tag, b: tag }, { ...good, list: [{ id: "secret" }] }];
  const { rows, refused } = preparation(inside, createMasks(inside.columns, ring)).prepare(bodies.map((d) => event({ d })));
  assert.equal(rows.deliveries.length, 1);
  assert.deepEqual(
    refused.map(({ faults }) => faults.map(({ reason, path }) => `${reason} ${path}`)),
    [["already_masked d.a"], ["already_masked d.a", "already_masked d.b"], ["mask_failed d.list.*.id"]],
  );
});

test("faults inside JSON refuse their row only", () => {
  assert.deepEqual(reasonsOf({ details: { client: { ip: "nowhere" }, devices: [{ id: {} }] } }), [
    "bad_format details.client.ip",
    "wrong_type details.devices.*.id",
  ]);
  assert.deepEqual(reasonsOf({ details: { client: "203.0.113.7" } }), ["wrong_type details.client"]);
});

test("no planted value is in a row, in any column", () => {
  const secrets = [
    "203.0.113.7",
    "2001:db8::b0b5",
    "ann@example.com",
    "593-47-5928",
    "4111111111111111",
    "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11",
    "E123456",
  ];
  const { rows, refused } = run(
    secrets.map((secret) =>
      event({
        ip: "203.0.113.7",
        tag: secret,
        details: { client: { ip: "2001:DB8::B0B5" }, devices: secrets.map((id) => ({ id })) },
        notes: secrets.map((other) => `(${other}) and ${secret}\n`).join(""),
      }),
    ),
  );
  assert.deepEqual(refused, []);
  const output = JSON.stringify(rows.columns).toLowerCase();
  for (const secret of secrets) assert.ok(!output.includes(secret.toLowerCase()), secret);
});

test("masks inside values are pinned, demanded of the table, reviewed and bound to their keys like any other", () => {
  const domains = maskPins(settings.columns, ring).map(({ domain }) => domain);
  assert.deepEqual(domains.sort(), ["login.device_id", "login.ip", "support.notes"]);
  const demands = columnDemands(createMasks(settings.columns, ring)).map(({ name, form, longest }) => [name, form, longest]);
  assert.deepEqual(demands[3], ["details", "json", null]);
  assert.deepEqual(demands[4]?.slice(0, 2), ["notes", "token"]);
  assert.ok((demands[4]?.[2] as number) > 1_000, "a scanned text grows");
  assert.deepEqual(
    reviewMasks(settings).map(({ column, kind }) => `${column} ${kind}`),
    ["ip siv", "tag siv", "details.client.ip siv", "details.devices.*.id hmac", "notes siv"],
  );
  const two = ringOf(root(0x1000_0000), root(0x2000_0000));
  assert.throws(() => createMasks(settings.columns, two), { code: "key_unpinned" });
});

test("duplicates are looked for in whole values only", () => {
  assert.deepEqual(duplicatesQuestion(settings).columns, ["ip", "tag"]);
  assert.throws(() => duplicatesQuestion(settings, "notes"), { code: "usage" });
  assert.throws(() => duplicatesQuestion(settings, "details"), { code: "usage" });
});

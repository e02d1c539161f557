import assert from "node:assert/strict";
import { test } from "node:test";

import { readIp } from "../../src/contract/ip.ts";
import { type BadKind, badKinds, type SampleEvent, sampleEvents } from "../../src/demo/sample.ts";
import { compileContract, incoming, loginContract } from "../contract/contracts.ts";

const count = 20_000;
const events: readonly SampleEvent[] = [...sampleEvents({ count, seed: 7 })];
const bodies = events.filter((event) => event.kind === "login").map((event) => event.body);
const logins = bodies.map((body) => JSON.parse(body) as Readonly<Record<string, string | null>>);

const badReasons: Readonly<Record<BadKind, readonly string[]>> = {
  wrong_message_type: ["missing user_id", "missing device_type", "missing ip", "missing device_id"],
  not_json: ["not_json "],
  null_body: ["not_object "],
  list_body: ["body_is_list "],
  number_body: ["not_object "],
  missing_ip: ["missing ip"],
  null_device_id: ["missing device_id"],
  ip_not_an_address: ["bad_format ip"],
  version_not_numeric: ["bad_format app_version"],
  long_user_id: ["too_long user_id"],
  nul_in_locale: ["bad_character locale"],
  number_as_user_id: ["wrong_type user_id"],
  s3_pointer: ["s3_pointer "],
};

function share(part: number, least: number, most: number): void {
  assert.ok(part >= least && part <= most, `${part} is not in ${least}..${most}`);
}

function countOf(kind: (event: SampleEvent) => boolean, all: Iterable<SampleEvent>): number {
  return [...all].filter(kind).length;
}

const isBad = (event: SampleEvent): boolean => event.kind !== "login";

test("the same seed gives the same events, another seed others", () => {
  assert.deepEqual([...sampleEvents({ count: 500, seed: 7 })], [...sampleEvents({ count: 500, seed: 7 })]);
  const other = new Set([...sampleEvents({ count: 500, seed: 8 })].map((event) => event.body));
  assert.equal(events.slice(0, 500).filter((event) => event.kind === "login" && other.has(event.body)).length, 0);
});

test("events are drawn one by one, so that any count can be asked for", () => {
  let drawn = 0;
  for (const event of sampleEvents({ count: Number.MAX_SAFE_INTEGER, seed: 1 })) {
    assert.ok(event.body.length > 0);
    drawn += 1;
    if (drawn === 100) break;
  }
  assert.equal(drawn, 100);
});

test("a login is written as its producer writes it", () => {
  const shape =
    /^\{"user_id": "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "app_version": "\d\.\d{1,2}(?:\.\d)?", "device_type": "(?:ios|android)", "ip": "[0-9a-fA-F.:]+", "locale": (?:null|"[A-Z]{2}"), "device_id": "\d{3}-\d{2}-\d{4}"\}$/;
  for (const body of bodies) assert.match(body, shape);
});

test("values are shared between users as often as said, each login by a user of its own", () => {
  assert.equal(new Set(logins.map((login) => login["user_id"])).size, logins.length);
  const addresses = logins.map((login) => readIp(login["ip"]));
  share(1 - new Set(logins.map((login) => login["device_id"])).size / logins.length, 0.035, 0.045);
  share(1 - new Set(addresses).size / logins.length, 0.053, 0.067);
  share(logins.filter((login) => login["locale"] === null).length / logins.length, 0.27, 0.31);
  share(logins.filter((login) => login["device_type"] === "ios").length / logins.length, 0.47, 0.53);
  share(events.filter((event) => event.redeliver).length / count, 0.007, 0.013);
});

test("some shared addresses are written in several spellings, also in a small sample", () => {
  const spellings = new Map<unknown, Set<unknown>>();
  for (const { body, kind } of sampleEvents({ count: 500, seed: 1 })) {
    if (kind !== "login") continue;
    const { ip } = JSON.parse(body) as { readonly ip: string };
    const canonical = readIp(ip);
    spellings.set(canonical, (spellings.get(canonical) ?? new Set()).add(ip));
  }
  assert.ok([...spellings].some(([canonical, all]) => String(canonical).includes(":") && all.size > 1));
});

test("bad messages are about 1.5 %, with every kind from 200 on and one from 20 on", () => {
  assert.equal(countOf(isBad, events), count * 0.015);
  assert.equal(countOf(isBad, sampleEvents({ count: 19, seed: 7 })), 0);
  assert.equal(countOf(isBad, sampleEvents({ count: 20, seed: 7 })), 1);
  assert.equal(countOf(isBad, sampleEvents({ count: 100, seed: 7 })), 6);
  for (const seed of [0, 1, 2, 3]) {
    assert.deepEqual(new Set([...sampleEvents({ count: 200, seed })].filter(isBad).map((event) => event.kind)), new Set(badKinds));
  }
});

test("every login is accepted and every bad message refused for its reason", () => {
  const check = compileContract(loginContract);
  for (const { body, kind } of events) {
    const checked = check(incoming(body));
    const reasons = "faults" in checked ? checked.faults.map((fault) => `${fault.reason} ${fault.path}`) : [];
    assert.deepEqual(reasons, kind === "login" ? [] : badReasons[kind], kind);
  }
});

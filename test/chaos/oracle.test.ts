import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { domainMask } from "../harness/domain-mask.ts";
import { readRingText } from "../harness/ring-file.ts";
import { type Found, judge, type LoginRow, type Sent, type Verdict } from "./oracle.ts";
import { TokenOpener } from "./token-opener.ts";

const today = new Date().toISOString().slice(0, 10);

suite("the oracle of the bench", () => {
  let folder: string;
  let opener: TokenOpener;
  let mask: (domain: string, type: "ip" | "text", value: string) => string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "maskline-oracle-"));
    const file = path.join(folder, "keyring.json");
    await createKeyRingFile(file, createKeyRing(randomBytes));
    opener = await TokenOpener.of(file);
    const ring = await readRingText(file);
    mask = (domain, type, value) => domainMask(ring, "siv", domain, type).apply([value])[0] ?? "";
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const addresses: readonly (readonly [sent: string, canonical: string])[] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"],
    ["2001:db8::1", "2001:db8::1"],
    ["::1", "::1"],
  ];
  const sent: readonly Sent[] = addresses.map(([ip], place) => ({
    id: `message-${place}`,
    body: JSON.stringify({
      user_id: `user-${place}`,
      app_version: "2.3.0",
      device_type: "ios",
      ip,
      locale: null,
      device_id: `d-${place}`,
    }),
    fate: "row",
  }));
  const bad: Sent = { id: "bad", body: "{", fate: "quarantine" };
  const rowOf = (place: number): LoginRow => ({
    user_id: `user-${place}`,
    device_type: "ios",
    masked_ip: mask("login.ip", "ip", addresses[place]?.[1] ?? ""),
    masked_device_id: mask("login.device_id", "text", `d-${place}`),
    locale: null,
    app_version: "2",
    create_date: today,
  });
  const rows = (): LoginRow[] => sent.map((_, place) => rowOf(place));
  const nothing = { quarantined: [], deadLetters: [], waiting: [] };
  const kinds = [
    "lost",
    "waiting",
    "doubled",
    "wrong",
    "strangers",
    "falseQuarantines",
    "falseRows",
    "falseDeadLetters",
  ] as const satisfies readonly (keyof Verdict)[];
  /** The damages, by their kind. */
  const damages = (found: Partial<Found>): Record<string, number> => {
    const verdict = judge([...sent, bad], { rows: rows(), ...nothing, quarantined: ["bad"], ...found }, opener);
    return Object.fromEntries(kinds.flatMap((kind) => (verdict[kind].count === 0 ? [] : [[kind, verdict[kind].count]])));
  };

  test("finds nothing where every message has its one effect, however its values are written", () => {
    assert.deepEqual(damages({}), {});
  });

  test("finds what is lost, and does not count as lost what waits or is a dead letter", () => {
    assert.deepEqual(damages({ rows: rows().slice(1) }), { lost: 1 });
    assert.deepEqual(damages({ quarantined: [] }), { lost: 1 });
    assert.deepEqual(damages({ rows: rows().slice(1), waiting: ["message-0"] }), { waiting: 1 });
    assert.deepEqual(damages({ rows: rows().slice(1), deadLetters: ["message-0"] }), { falseDeadLetters: 1 });
    assert.deepEqual(damages({ quarantined: [], deadLetters: ["bad"] }), {}, "a bad message may die");
  });

  test("finds what has had two effects, in one table or in two", () => {
    assert.deepEqual(damages({ rows: [...rows(), rowOf(0), rowOf(0)] }), { doubled: 2 });
    assert.deepEqual(damages({ quarantined: ["bad", "message-0"] }), { doubled: 1, falseQuarantines: 1 });
    assert.deepEqual(damages({ quarantined: ["bad", "bad"] }), { doubled: 1 });
  });

  test("finds a good message in the quarantine, and what nobody sent", () => {
    assert.deepEqual(damages({ rows: rows().slice(1), quarantined: ["bad", "message-0"] }), { falseQuarantines: 1 });
    assert.deepEqual(damages({ rows: [...rows(), { ...rowOf(0), user_id: "nobody" }] }), { strangers: 1 });
    assert.deepEqual(damages({ quarantined: ["bad", "nobody's"] }), { strangers: 1 });
  });

  test("finds a value that is not what was sent, and a token that does not open to it", () => {
    const wrongs: readonly Partial<LoginRow>[] = [
      { device_type: "android" },
      { locale: "DE" },
      { app_version: "3" },
      { create_date: "2001-01-01" },
      { masked_ip: mask("login.ip", "ip", "192.0.2.8") },
      { masked_ip: mask("login.other", "ip", "192.0.2.7") },
      { masked_ip: "192.0.2.7" },
      { masked_device_id: rowOf(1).masked_device_id },
    ];
    for (const wrong of wrongs) {
      const [first, ...others] = rows();
      assert.ok(first);
      assert.deepEqual(damages({ rows: [{ ...first, ...wrong }, ...others] }), { wrong: 1 }, JSON.stringify(Object.keys(wrong)));
    }
  });

  test("finds a token that an erasure should have taken, and one that it should not have", () => {
    const [first, ...others] = rows();
    assert.ok(first);
    const bare = { ...first, masked_ip: null, masked_device_id: null };
    const nulled = new Set([first.user_id]);
    assert.deepEqual(damages({ rows: [bare, ...others], nulled }), {});
    assert.deepEqual(damages({ rows: [bare, ...others] }), { wrong: 1 });
    for (const left of [first, { ...bare, masked_ip: first.masked_ip }, { ...bare, masked_device_id: first.masked_device_id }])
      assert.deepEqual(damages({ rows: [left, ...others], nulled }), { wrong: 1 });
  });

  test("does not judge messages that it cannot tell apart", () => {
    const [first] = sent;
    assert.ok(first);
    assert.throws(() => judge([first, { ...first, id: "another" }], { rows: [], ...nothing }, opener), /cannot be told apart/);
  });
});

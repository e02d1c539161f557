import assert from "node:assert/strict";
import { test } from "node:test";

import { boundTo } from "../../../src/app/recovery/bound-masks.ts";
import { actUpon } from "../../../src/app/recovery/quarantine-act.ts";
import { contractHash } from "../../../src/contract/contract-hash.ts";
import { load } from "../../harness/configuration.ts";

const users = "sink: { postgres: { url: postgres://localhost/x, table: public.users } }\n";
const ip = (mask: string): string => `columns:\n  c: { from: ip, type: ip, mask: { ${mask} } }\n`;
const why = { reason: "optional now", ticket: "T-1", approval: null };

const listOf = (text: string): string => actUpon(load(text), "replay", [], why, { dryRun: false }).list;

test("an approval is of these masks and this table: with others it is another list", () => {
  const asked = users + ip("kind: partial, ipv4_prefix: 8");
  assert.equal(listOf(asked), listOf(asked));
  const others = [
    users + ip("kind: partial, ipv4_prefix: 31"),
    users.replace("public.users", "public.everybody_reads") + ip("kind: partial, ipv4_prefix: 8"),
    users + ip("kind: siv, domain: login.ip"),
    users + ip("kind: siv, domain: login.locale"),
    users + ip("kind: hmac, domain: login.ip"),
    users + ip("kind: hmac, domain: login.ip, key: 7"),
    users + ip("kind: sha256, insecure: true"),
    users + ip("kind: sha256, insecure: true, salt: pepper"),
    `${users}columns:\n  c: { from: ip, type: ip }\n`,
  ];
  const lists = [asked, ...others].map(listOf);
  assert.equal(new Set(lists).size, lists.length);
});

test("it is bound inside of documents and texts too, and to whose originals become", () => {
  const inside = (domain: string): string =>
    `columns:\n  c: { from: user, type: json, paths: { a: { type: text, max: 9, mask: { kind: siv, domain: ${domain} } } } }\n`;
  const found = (scan: string): string =>
    `columns:\n  c: { from: note, type: text, max: 99, scan: ${scan}, mask: { kind: siv, domain: d } }\n`;
  const owned = (subject: string): string =>
    `${ip(`kind: vault, domain: d, subject: ${subject}`)}  u: { type: text, max: 9, required: true }\n  v: { type: text, max: 9, required: true }\n`;
  const texts = [
    inside("d"),
    inside("e"),
    found("[ip]"),
    found("[ip, email]"),
    found("[{ name: id, pattern: '[0-9]{4}' }]"),
    owned("u"),
    owned("v"),
  ];
  const lists = texts.map(listOf);
  assert.equal(new Set(lists).size, lists.length);
});

test("showing, too, is agreed to for this contract", () => {
  const shown = (from: string): string =>
    actUpon(load(ip("kind: redact").replace("ip,", `${from},`)), "reveal", [], why, { masked: true }).list;
  assert.equal(shown("ip"), shown("ip"));
  assert.notEqual(shown("ip"), shown("client.ip"));
});

test("what the audit is told names them all", () => {
  const settings = load(users + ip("kind: siv, domain: d"));
  const { details } = actUpon(settings, "replay", [], why, { dryRun: false });
  assert.deepEqual(
    { ...details, masks: boundTo(settings).masks.length },
    {
      pipeline: settings.pipeline,
      contract: contractHash(settings.contract),
      masks: 64,
      table: "public.users",
      dryRun: false,
    },
  );
});

test("a salt stands in no form in what is bound, and the contract's own hash knows of no masks", () => {
  const salted = (salt: string): ReturnType<typeof load> => load(users + ip(`kind: sha256, insecure: true, salt: ${salt}`));
  assert.deepEqual(boundTo(salted("pepper")), boundTo(salted("chilli")));
  const [one, other] = ["kind: siv, domain: d", "kind: partial, ipv4_prefix: 31"].map((mask) => load(users + ip(mask)).contract);
  assert.ok(one !== undefined && other !== undefined);
  assert.equal(contractHash(one), contractHash(other));
});

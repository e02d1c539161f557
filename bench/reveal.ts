import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { on } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { createSealedFile } from "../src/app/recovery/sealed-file.ts";
import { startPostgres } from "../src/demo/postgres-server.ts";
import { type AuditKeys, auditKeys } from "../src/keys/audit-keys.ts";
import { createKeyRing } from "../src/keys/ring.ts";
import { createMask } from "../src/masks/create-mask.ts";
import { canOpen, type ReversibleMask } from "../src/masks/mask.ts";
import { Database } from "../src/postgres/database.ts";
import { migrate } from "../src/postgres/migrate.ts";
import { PostgresGovernance } from "../src/postgres/recovery/governance.ts";
import { selectTokens } from "../src/postgres/recovery/token-selection.ts";
import type { ActFacts } from "../src/recovery/audit-entry.ts";
import { beginAct } from "../src/recovery/govern.ts";
import { openerOf } from "../src/recovery/opener.ts";
import { freezeList, reveal, type RevealedTarget } from "../src/recovery/reveal.ts";

/** One round in its parts: wall-clock time and CPU time of this process, without the server's. */
interface Round {
  readonly findMs: number;
  readonly permitMs: number;
  readonly openMs: number;
  readonly cpuMs: number;
}

const usualRounds = 5;
const usualValues = 100_000;
const table = { schema: "public", table: "logins" };

/**
 * Values revealed from a query, as `maskline reveal --where` does: distinct tokens of a table twice as long, the list frozen, its tokens
 * hashed for the audit, the policy asked, the intent written; then opened and written as lines of JSON, to memory or sealed into a file.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: "string" }, values: { type: "string" }, aside: { type: "boolean" } } });
  if (values.aside === true) return askForOneValueAtATime(process.env["BENCH_URL"] ?? "");
  const count = Number(values.values ?? usualValues);
  const rounds = Number(values.rounds ?? usualRounds);
  const server = await startPostgres();
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-bench-"));
  const database = new Database({ url: server.url, tls: null, caFile: null, connections: 2, connectTimeoutMs: 10_000 });
  try {
    const ring = createKeyRing(randomBytes);
    const keys = auditKeys(ring);
    const mask = createMask(
      { kind: "siv", domain: "login.ip", type: "ip", encode: "packed", key: null, settings: {} },
      ring.domainKeys("siv", "login.ip"),
    );
    assert.ok(keys !== null && canOpen(mask));
    await prepare(database, mask, count);
    say(
      `PostgreSQL ${server.version}, its own settings; ${count.toLocaleString("en-US")} values of ${(2 * count).toLocaleString("en-US")} rows\n`,
    );
    await compare(database, { url: server.url, keys, mask, count, rounds, folder });
  } finally {
    await database.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Parts {
  readonly url: string;
  readonly keys: AuditKeys;
  readonly mask: ReversibleMask;
  readonly count: number;
  readonly rounds: number;
  readonly folder: string;
}

async function compare(database: Database, parts: Parts): Promise<void> {
  const publicKey = generateKeyPairSync("x25519").publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
  const targets: Readonly<Record<string, (round: number) => Promise<RevealedTarget>>> = {
    "lines of JSON": async () => ({ take: async (revealed) => void lines(revealed), finish: async () => {} }),
    "a sealed file": async (round) => {
      const file = await createSealedFile(path.join(parts.folder, `sealed-${round}`), publicKey);
      return { take: (revealed) => file.write(lines(revealed)), finish: () => file.finish() };
    },
  };
  say(row(["", "values/s", "CPU us", "find ms", "permit ms", "open ms"]));
  for (const [name, target] of Object.entries(targets)) {
    const found: Round[] = [];
    for (let round = 0; round < parts.rounds; round += 1) found.push(await oneRound(database, parts, await target(round)));
    say(line(`${name}, first round`, found.slice(0, 1), parts.count));
    say(line(`${name}, median`, found, parts.count));
  }
  await besideOthers(database, parts);
}

/** How long somebody who asks for one value waits while all of them are asked for: the end of the audit's chain is one for all. */
async function besideOthers(database: Database, parts: Parts): Promise<void> {
  const alone = await aside(parts.url, async () => sleep(2_000));
  const target: RevealedTarget = { take: async (revealed) => void lines(revealed), finish: async () => {} };
  const beside = await aside(parts.url, async () => {
    for (let round = 0; round < parts.rounds; round += 1) await oneRound(database, parts, target);
  });
  const shown = ({ medianMs, mostMs, times }: Waits): string =>
    `${medianMs.toFixed(1)} ms, at most ${mostMs.toFixed(1)} (${times} times)`;
  say(`\none value asked for: ${shown(alone)}; beside ${parts.count.toLocaleString("en-US")}: ${shown(beside)}`);
}

interface Waits {
  readonly medianMs: number;
  readonly mostMs: number;
  readonly times: number;
}

/** Somebody else, in a process of their own, for as long as the work takes. */
async function aside(url: string, work: () => Promise<void>): Promise<Waits> {
  const other = fork(import.meta.filename, ["--aside"], { env: { ...process.env, BENCH_URL: url } });
  const answers = on(other, "message");
  await answers.next();
  await work();
  other.send("enough");
  const { value } = await answers.next();
  return value?.[0] as Waits;
}

async function askForOneValueAtATime(url: string): Promise<void> {
  const database = new Database({ url, tls: null, caFile: null, connections: 1, connectTimeoutMs: 10_000 });
  const keys = auditKeys(createKeyRing(randomBytes));
  const governance = new PostgresGovernance(database, "maskline", keys, null, () => {});
  const facts: ActFacts = {
    action: "reveal",
    domain: "login.ip",
    amount: 1,
    list: "0".repeat(64),
    reason: "a benchmark",
    ticket: "B-2",
    details: {},
  };
  let running = true;
  process.once("message", () => {
    running = false;
  });
  const waits: number[] = [];
  process.send?.("ready");
  while (running) waits.push(await timed(() => beginAct(governance, facts, [keys.hashToken("login.ip", String(waits.length))])));
  await database.close();
  process.send?.({ medianMs: median(waits), mostMs: Math.max(...waits), times: waits.length } satisfies Waits);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

async function oneRound(database: Database, { keys, mask, count }: Parts, target: RevealedTarget): Promise<Round> {
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const selection = {
    table,
    column: "masked_ip",
    find: null,
    conditions: [{ column: "day", operator: ">=", value: "2026-01-01" }],
    limit: count,
  } as const;
  const { tokens, more } = await selectTokens(database, selection, () => {});
  assert.ok(!more);
  const foundMs = performance.now();
  let permittedMs = 0;
  const seen: string[] = [];
  const clocked: RevealedTarget = {
    take: async (revealed) => {
      if (permittedMs === 0) permittedMs = performance.now();
      for (const one of revealed.slice(0, 1)) if ("value" in one) seen.push(one.value, one.token);
      await target.take(revealed);
    },
    finish: () => target.finish(),
  };
  const request = {
    domain: "login.ip",
    type: "ip",
    partial: false,
    reason: "a benchmark",
    ticket: "B-1",
    approval: null,
    details: {},
  } as const;
  const { opened } = await reveal(
    request,
    freezeList(tokens),
    {
      governance: new PostgresGovernance(database, "maskline", keys, null, () => {}),
      keys,
      opener: openerOf(mask),
    },
    clocked,
    new AbortController().signal,
  );
  const endMs = performance.now();
  const cpu = process.cpuUsage(cpuBefore);
  assert.equal(opened, count);
  assert.equal(mask.apply([seen[0] ?? ""])[0], seen[1], "values are those of their tokens");
  return {
    findMs: foundMs - startMs,
    permitMs: permittedMs - foundMs,
    openMs: endMs - permittedMs,
    cpuMs: (cpu.user + cpu.system) / 1_000,
  };
}

function lines(revealed: readonly unknown[]): string {
  return revealed.map((one) => `${JSON.stringify(one)}\n`).join("");
}

/** Every value stands in two rows. */
async function prepare(database: Database, mask: ReversibleMask, count: number): Promise<void> {
  await migrate(database, "maskline");
  await database.query("allowing", "INSERT INTO maskline.policy (role, domain, action) VALUES (session_user, '*', 'reveal')");
  await database.query("creating", "CREATE TABLE public.logins (user_id int, masked_ip varchar(256), day date)");
  const addresses = Array.from({ length: count }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  const tokens = mask.apply(addresses);
  await database.query(
    "loading",
    "INSERT INTO public.logins SELECT row_number() OVER (), token, '2026-11-20' FROM unnest($1::text[] || $1::text[]) AS token",
    [tokens],
  );
}

function line(name: string, found: readonly Round[], count: number): string {
  const of = (part: (round: Round) => number): number => median(found.map(part));
  const wallMs = of(({ findMs, permitMs, openMs }) => findMs + permitMs + openMs);
  const cells = [
    (count / wallMs) * 1_000,
    (of(({ cpuMs }) => cpuMs) * 1_000) / count,
    of((r) => r.findMs),
    of((r) => r.permitMs),
    of((r) => r.openMs),
  ];
  return row([name, ...cells.map((value, index) => value.toFixed(index === 1 ? 1 : 0))]);
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(30) : cell.padStart(11))).join("");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();

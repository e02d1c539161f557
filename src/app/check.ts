import { randomBytes } from "node:crypto";

import { MasklineError } from "../errors.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { createKeyRing } from "../keys/ring.ts";
import { sealingSelfTest } from "../keys/self-test.ts";
import { selfTest } from "../masks/self-test.ts";
import { checkSkipping } from "../postgres/conflicts.ts";
import type { Database } from "../postgres/database.ts";
import { compareMaskDefinitions } from "../postgres/mask-definitions.ts";
import { requireSchema } from "../postgres/migrate.ts";
import { showTable, type TableName } from "../postgres/names.ts";
import { readStanding } from "../postgres/ring-keys.ts";
import { checkTarget } from "../postgres/target.ts";
import { findTrip, tripped } from "../postgres/trips.ts";
import { findKeyRing } from "./assemble-keys.ts";
import { openDatabase, postgresOf } from "./assemble-sink.ts";
import { openQueue } from "./assemble-source.ts";
import { withoutPinnedKeys } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";
import { requireOpen } from "./live-masks.ts";
import { columnDemands, createMasks, maskPins, requireExpected } from "./masks.ts";
import { rightfulKeyIds, ringName, taggedColumns } from "./tagged-columns.ts";

/** One thing that was tried. */
export interface Finding {
  readonly subject: string;
  /** What was found when it is in order. */
  readonly good: string | null;
  readonly error: MasklineError | null;
}

/** Tries everything a run rests on, and goes on after a failure: all that is wrong is told at once. Nothing is received or written. */
export async function connectAndCheck(settings: Settings): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const attempt = async <T>(subject: string, work: () => Promise<readonly [good: string, value: T]>): Promise<T | null> => {
    try {
      const [good, value] = await work();
      findings.push({ subject, good, error: null });
      return value;
    } catch (error) {
      if (!(error instanceof MasklineError)) throw error;
      findings.push({ subject, good: null, error });
      return null;
    }
  };

  await attempt("ciphers", async () => {
    selfTest();
    await sealingSelfTest();
    return ["give their published answers", null];
  });
  const ring = await attempt("key ring", async () => {
    const found = await findKeyRing(settings);
    requireExpected(settings.options.keyring?.expect, settings.columns, found.ring);
    return [found.described, found.ring];
  });
  if (settings.options.source?.sqs) await attempt("queue", () => checkQueue(settings));
  if (settings.options.sink?.postgres) {
    const database = await attempt("database", () => checkDatabase(settings));
    if (database === null) return findings;
    try {
      const schema = await attempt("schema", () => checkSchema(settings, database));
      await attempt("table", () => checkTable(settings, database, ring));
      if (schema !== null && ring !== null) await attempt("keys", () => checkKeys(settings, database, ring));
      if (schema !== null) await attempt("failure budget", () => checkBudget(settings, database));
    } finally {
      await database.close();
    }
  }
  return findings;
}

/** An open database, to be closed by the caller. Nothing else can be said of one that does not let us in. */
async function checkDatabase(settings: Settings): Promise<readonly [string, Database]> {
  const database = openDatabase(settings);
  try {
    const [found] = await database.query<{ version: string; user: string }>(
      "the first query",
      `SELECT current_setting('server_version') AS version, current_user AS "user"`,
    );
    return [`PostgreSQL ${found?.version} at ${database.where}, as ${found?.user}`, database];
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function checkQueue(settings: Settings): Promise<readonly [string, null]> {
  const queue = openQueue(settings);
  try {
    const { visible, inFlight, delayed, visibilityTimeoutMs } = await queue.facts();
    const depth = `${visible} visible, ${inFlight} in flight, ${delayed} delayed`;
    return [`${queue.shown}: about ${depth}; visibility ${visibilityTimeoutMs / 1_000} s; ${queue.protocol} protocol`, null];
  } finally {
    queue.close();
  }
}

async function checkSchema(settings: Settings, database: Database): Promise<readonly [string, true]> {
  const { schema } = postgresOf(settings);
  await requireSchema(database, schema);
  return [`${schema} in ${database.where}`, true];
}

async function checkTable(settings: Settings, database: Database, ring: MaskKeys | null): Promise<readonly [string, null]> {
  // the widths of tokens do not depend on the keys: any ring will do where the user's cannot be read
  const masked =
    ring === null
      ? createMasks(withoutPinnedKeys(settings.columns), createKeyRing(randomBytes))
      : createMasks(settings.columns, ring);
  const table = settings.target as TableName;
  await checkTarget(database, table, columnDemands(masked));
  if (postgresOf(settings).on_conflict === "skip") await checkSkipping(database, table);
  return [`${showTable(table)} takes the contract's ${masked.length} columns`, null];
}

async function checkKeys(settings: Settings, database: Database, ring: MaskKeys): Promise<readonly [string, null]> {
  const pins = maskPins(settings.columns, ring);
  const { schema } = postgresOf(settings);
  await compareMaskDefinitions(database, schema, pins, await rightfulKeyIds(database, schema, ring));
  const standing = await readStanding(database, schema, ringName(ring));
  requireOpen(ring, standing, settings.columns);
  // what a run makes of them needs the anchor
  taggedColumns(createMasks(settings.columns, ring), ring, standing);
  const domains = [...new Set(pins.map(({ domain }) => domain))];
  return [domains.length === 0 ? "no mask is keyed" : `ring and definitions agree with the database: ${domains.join(", ")}`, null];
}

async function checkBudget(settings: Settings, database: Database): Promise<readonly [string, null]> {
  const trip = await findTrip(database, postgresOf(settings).schema, settings.pipeline);
  if (trip !== null) throw tripped(trip);
  const { refused, share, window } = settings.options.limits;
  const bounds = [...(refused === null ? [] : [`${refused} refused messages`]), ...(share === null ? [] : [`a share of ${share}`])];
  return [bounds.length === 0 ? "no limit is set" : `at most ${bounds.join(" or ")} among the newest ${window}`, null];
}

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
import type { QueueFacts } from "../sources/sqs/queue.ts";
import { readQueueArn } from "../sources/sqs/redrive-policy.ts";
import { findKeyRing } from "./assemble-keys.ts";
import { openDatabase, postgresOf } from "./assemble-sink.ts";
import { openQueue } from "./assemble-source.ts";
import { withoutPinnedKeys } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";
import { subjectColumn } from "./config/subject.ts";
import { requireOpen } from "./live-masks.ts";
import { columnDemands, createMasks, maskPins, requireExpected } from "./masks.ts";
import { checkVault } from "./recovery/check-vault.ts";
import { rightfulKeyIds, ringName, taggedColumns } from "./tagged-columns.ts";

/** One thing that was tried. */
export interface Finding {
  readonly subject: string;
  /** What was found when it is in order. */
  readonly good: string | null;
  /** What is in order and not as it should be. */
  readonly warnings: readonly string[];
  readonly error: MasklineError | null;
}

/** Up to here an outage is enough to make dead letters. */
const mostRiskyReceives = 2;

/** Tries everything a run rests on, and goes on after a failure: all that is wrong is told at once. Nothing is received or written. */
export async function connectAndCheck(settings: Settings): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const attempt = async <T>(
    subject: string,
    work: () => Promise<readonly [good: string, value: T, warnings?: readonly string[]]>,
  ): Promise<T | null> => {
    try {
      const [good, value, warnings = []] = await work();
      findings.push({ subject, good, warnings, error: null });
      return value;
    } catch (error) {
      if (!(error instanceof MasklineError)) throw error;
      findings.push({ subject, good: null, warnings: [], error });
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
      if (schema !== null && subjectColumn(settings.columns) !== null) await attempt("vault", () => checkVault(settings, database));
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

async function checkQueue(settings: Settings): Promise<readonly [string, null, readonly string[]]> {
  const queue = openQueue(settings);
  try {
    const facts = await queue.facts();
    const depth = `${facts.visible} visible, ${facts.inFlight} in flight, ${facts.delayed} delayed`;
    const visibility = `visibility ${facts.visibilityTimeoutMs / 1_000} s`;
    const { dead, warnings } = deadLetterFindings(facts);
    return [`${queue.shown}: about ${depth}; ${visibility}; ${queue.protocol} protocol; ${dead}`, null, warnings];
  } finally {
    queue.close();
  }
}

/** A receive is spent whenever a message goes back unsettled: by a process that is killed, or an outage that outlasts the hold. */
function deadLetterFindings({ maxReceiveCount, deadLetterQueue }: QueueFacts): { dead: string; warnings: readonly string[] } {
  if (maxReceiveCount === null || deadLetterQueue === null) {
    return {
      dead: "no dead-letter queue",
      warnings: [
        "it has no dead-letter queue: a message that no process survives comes back until the queue forgets it; set a redrive policy with maxReceiveCount 5 or so",
      ],
    };
  }
  const times = maxReceiveCount === 1 ? "one receive" : `${maxReceiveCount} receives`;
  const dead = `dead letters after ${times}: ${readQueueArn(deadLetterQueue).name}`;
  if (maxReceiveCount > mostRiskyReceives) return { dead, warnings: [] };
  return {
    dead,
    warnings: [
      `its maxReceiveCount is ${maxReceiveCount}: good messages become dead letters when an outage or a killed process gives them back; set 5 or so`,
    ],
  };
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
  await compareKeys(settings, database, ring);
  const domains = [...new Set(maskPins(settings.columns, ring).map(({ domain }) => domain))];
  return [domains.length === 0 ? "no mask is keyed" : `ring and definitions agree with the database: ${domains.join(", ")}`, null];
}

/**
 * Compares ring and contract with what the database's tokens were made with, as a run does at its start. Records nothing.
 * @throws MasklineError `key_mismatch`, `mask_changed`, `key_retired`, `key_unknown`
 */
export async function compareKeys(settings: Settings, database: Database, ring: MaskKeys): Promise<void> {
  const { schema } = postgresOf(settings);
  await compareMaskDefinitions(database, schema, maskPins(settings.columns, ring), await rightfulKeyIds(database, schema, ring));
  const standing = await readStanding(database, schema, ringName(ring));
  requireOpen(ring, standing, settings.columns);
  // what a run makes of them needs the anchor
  taggedColumns(createMasks(settings.columns, ring), ring, standing);
}

async function checkBudget(settings: Settings, database: Database): Promise<readonly [string, null]> {
  const trip = await findTrip(database, postgresOf(settings).schema, settings.pipeline);
  if (trip !== null) throw tripped(trip);
  const { refused, share, window } = settings.options.limits;
  const bounds = [...(refused === null ? [] : [`${refused} refused messages`]), ...(share === null ? [] : [`a share of ${share}`])];
  return [bounds.length === 0 ? "no limit is set" : `at most ${bounds.join(" or ")} among the newest ${window}`, null];
}

import { randomUUID } from "node:crypto";

import { MasklineError } from "../../errors.ts";
import { primaryOf } from "../../keys/key-standing.ts";
import type { MaskKeys } from "../../keys/mask-keys.ts";
import { selfTest } from "../../masks/self-test.ts";
import type { Database } from "../../postgres/database.ts";
import { PostgresKeyUse } from "../../postgres/key-use.ts";
import { pinMaskDefinitions } from "../../postgres/mask-definitions.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import type { TableName } from "../../postgres/names.ts";
import { PostgresRekey } from "../../postgres/rekey.ts";
import { type LiveReplica, liveReplicas } from "../../postgres/replicas.ts";
import { type KeyCount, countTokens, listTokenColumns } from "../../postgres/token-columns.ts";
import { type RekeyOptions, rekey, type RekeyResult } from "../../recovery/rekey.ts";
import type { RekeyColumn } from "../../recovery/remask.ts";
import { openKeyRing } from "../assemble-keys.ts";
import { postgresOf, withDatabase } from "../assemble-sink.ts";
import type { Settings } from "../config/load.ts";
import { announce } from "../live-masks.ts";
import { createMasks, maskPins } from "../masks.ts";
import { systemClock } from "../system-clock.ts";
import { insideColumns, rightfulKeyIds, ringName, taggedColumns } from "../tagged-columns.ts";

export interface RekeyRequest extends Omit<RekeyOptions, "clock"> {
  /** Told when the ring was rotated once more, and the walk starts anew towards its key. */
  readonly onTarget: (keyId: number) => void;
}

/** Brings the contract's table under the ring's primary, and follows when the ring is rotated meanwhile. */
export async function rekeyTable(settings: Settings, request: RekeyRequest): Promise<RekeyResult & { readonly toKey: number }> {
  selfTest();
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    for (;;) {
      const ring = await openKeyRing(settings);
      // refuses a ring that is behind the database: what sends us here again is a newer one, or another rekey that came to its end
      const { columns, use } = await prepareRekey(settings, database, ring);
      const toKey = ring.primaryId;
      request.onTarget(toKey);
      const table = settings.target as TableName;
      const store = new PostgresRekey(database, { schema, table, ring: ringName(ring), run: randomUUID(), columns });
      try {
        await use.clearAliases();
        const result = await rekey(store, use, columns, toKey, { ...request, clock: systemClock });
        await use.clearAliases();
        return { ...result, toKey };
      } catch (error) {
        if (!(error instanceof MasklineError) || error.code !== "key_retired") throw error;
      }
    }
  });
}

/** How things stand, and what a rekey would do. Changes nothing. */
export interface RekeyPlan {
  readonly toKey: number;
  readonly counts: readonly KeyCount[];
  readonly replicas: readonly LiveReplica[];
}

export async function planRekey(settings: Settings): Promise<RekeyPlan> {
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    const ring = await openKeyRing(settings);
    const columns = await listTokenColumns(database, schema, ringName(ring));
    const enabled = ring.keys.filter(({ status }) => status !== "DESTROYED").map(({ id }) => id);
    return {
      toKey: ring.primaryId,
      counts: await countTokens(database, columns, enabled),
      replicas: await liveReplicas(database, schema, ringName(ring)),
    };
  });
}

async function prepareRekey(
  settings: Settings,
  database: Database,
  ring: MaskKeys,
): Promise<{ readonly columns: readonly RekeyColumn[]; readonly use: PostgresKeyUse }> {
  const { schema } = postgresOf(settings);
  const masked = createMasks(settings.columns, ring);
  await pinMaskDefinitions(database, schema, maskPins(settings.columns, ring), await rightfulKeyIds(database, schema, ring));
  const standing = await announce(settings, database, ring);
  if (primaryOf(standing.roots) !== ring.primaryId) throw behind(ring.primaryId);
  const whole = taggedColumns(masked, ring, standing).filter((column) => column !== null);
  const columns = [...whole, ...insideColumns(settings.columns, ring, standing)];
  if (columns.length === 0) {
    throw new MasklineError("usage", "the contract has no column whose tokens say their key: there is nothing to rekey", {
      next: "masks of kind siv can be rekeyed; all others keep the key they are pinned to",
    });
  }
  return { columns, use: new PostgresKeyUse(database, schema, ringName(ring)) };
}

function behind(keyId: number): MasklineError {
  return new MasklineError(
    "key_retired",
    `this key ring is out of date: key ${keyId} is its primary, and the database knows a newer one`,
    {
      next: "run it where the ring was rotated, or with the ring as it is now",
    },
  );
}

import { randomUUID } from "node:crypto";

import type { Database } from "../../src/postgres/database.ts";
import { findPipeline } from "../../src/postgres/pipelines.ts";
import { PostgresReplay, type PostgresReplayOptions } from "../../src/postgres/recovery/replay.ts";
import { checkTarget } from "../../src/postgres/target.ts";
import { loginDemands, loginTable } from "./login-table.ts";

/** A replay of what the table of logins has refused, under an act of its own. */
export async function openLoginReplay(database: Database, parts: Partial<PostgresReplayOptions> = {}): Promise<PostgresReplay> {
  return new PostgresReplay(database, {
    schema: "maskline",
    table: loginTable,
    columns: await checkTarget(database, loginTable, loginDemands),
    pipeline: (await findPipeline(database, "maskline", "public.user_logins")) ?? 0,
    receiptKey: "sent",
    contractHash: "today",
    describe: () => [],
    recheckTarget: async () => {},
    act: randomUUID(),
    rehearses: false,
    ...parts,
  });
}

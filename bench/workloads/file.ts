import { existsSync } from "node:fs";
import path from "node:path";

import { makeMaskedFiles } from "../peers/masked-file.ts";
import { findPsql } from "../peers/psql.ts";
import type { Program } from "../rig/consumer.ts";
import { type EventFile, repeatBinary, repeatText, writeEventFile } from "../rig/event-file.ts";
import { maskline, peer } from "../rig/programs.ts";
import { scaled } from "../rig/sizes.ts";
import { tableName, tableSql } from "../rig/target.ts";
import { runTimed } from "../rig/timed-run.ts";
import { verifyRows, verifySample } from "../rig/verify.ts";
import type { Contestant, Figures, RowPlan, Series, Workload, WorkloadOptions } from "../rig/workload.ts";

const lines = { full: 4_000_000, quick: 200_000 } as const;
/** Of every row: a line has no sent time. */
const date = "2026-11-20";

const peerPlans: readonly { readonly name: string; readonly against: string; readonly goal: number }[] = [
  { name: "psql-text", against: "psql \\copy text of the masked file", goal: 0.9 },
  { name: "psql-binary", against: "psql \\copy binary of the masked file", goal: 0.7 },
];

export const file: Workload = {
  name: "file",
  about: "a file of events -> Postgres, beside psql's load of the file that was masked before",
  async open(options) {
    const events = await writeEventFile(options.place.folder, scaled(options.quick ? lines.quick : lines.full, options.scale));
    const masked = await maskedFiles(options, events);
    const contestants: Contestant[] = [];
    const missing: { name: string; reason: string }[] = [];
    if (existsSync(path.resolve(import.meta.dirname, "../../src/cli/commands/backfill.ts"))) {
      const program = await maskline(options.place, { kind: "login" }, "backfill", events.file, "--sent-at", date);
      contestants.push(loads("maskline", "maskline backfill, one process", options, events, program, ""));
    } else {
      missing.push({ name: "maskline", reason: "this maskline has no backfill command" });
    }
    for (const { name } of peerPlans) {
      const found = await peer(name);
      if ("missing" in found) missing.push({ name, reason: found.missing });
      else if (masked === null) missing.push({ name, reason: "there is no psql to make its file with" });
      else contestants.push(loads(name, found.peer.label, options, events, found.program, masked[found.peer.format ?? "text"]));
    }
    const rows = peerPlans.map(({ name, against, goal }): RowPlan => ({
      workload: "file -> Postgres, rows per second, one process, siv on two columns",
      against,
      of: ["maskline", name],
      ratio: (own, other) => rate(own) / rate(other),
      better: "higher",
      goal,
      unit: "x",
    }));
    const shown: Series["shown"] = [
      { figure: "rowsPerSecond", title: "rows/s", digits: 0 },
      { figure: "clientMicros", title: "client, us CPU each", digits: 2 },
      { figure: "databaseMicros", title: "database", digits: 2 },
    ];
    return [{ contestants, missing, rows, shown }];
  },
};

function loads(
  name: string,
  label: string,
  { place, say }: WorkloadOptions,
  events: EventFile,
  program: Program,
  maskedFile: string,
): Contestant {
  return {
    name,
    label,
    measure: async (): Promise<Figures> => {
      say(`${label}: ${events.lines.toLocaleString("en-US")} lines`);
      const database = await place.freshDatabase(tableSql("login", false));
      try {
        const { seconds, cpuSeconds, databaseSeconds } = await runTimed({
          program,
          folder: place.folder,
          given: {
            BENCH_DATABASE_URL: database.url,
            BENCH_TABLE: tableName,
            BENCH_KEYRING: place.keyRing,
            BENCH_FILE: maskedFile,
            BENCH_QUEUE_URL: "http://127.0.0.1:9/000000000000/none",
          },
          database: place.postgres.processId,
        });
        await verifyRows(database, new Map(events.pool.map(({ login }) => [login.user_id, events.passes])), true);
        await verifySample(database, events.pool, place.keyRing);
        return {
          rowsPerSecond: events.lines / seconds,
          clientMicros: (cpuSeconds / events.lines) * 1_000_000,
          databaseMicros: (databaseSeconds / events.lines) * 1_000_000,
        };
      } finally {
        await database.drop();
      }
    },
  };
}

/** Made once, of one pass over the pool; null where there is no psql. */
async function maskedFiles(
  { place, say }: WorkloadOptions,
  events: EventFile,
): Promise<Readonly<Record<"text" | "binary", string>> | null> {
  const psql = findPsql();
  if (psql === null) return null;
  say("making the masked files that psql loads");
  const database = await place.freshDatabase(tableSql("login", false));
  try {
    const pass = await makeMaskedFiles({
      psql,
      events: events.passFile,
      date,
      databaseUrl: database.url,
      table: tableName,
      keyRing: place.keyRing,
    });
    const files = { text: path.join(place.folder, "masked.text"), binary: path.join(place.folder, "masked.binary") };
    await repeatText(pass.text, files.text, events.passes);
    await repeatBinary(pass.binary, files.binary, events.passes);
    return files;
  } finally {
    await database.drop();
  }
}

function rate(figures: Figures | undefined): number {
  return figures?.["rowsPerSecond"] ?? Number.NaN;
}

import { codeOf } from "../errors.ts";
import type { Clock } from "../pipeline/clock.ts";
import type { PipelineEvent, Report } from "../pipeline/report.ts";
import type { Database } from "../postgres/database.ts";
import { findPipeline } from "../postgres/pipelines.ts";
import { mayPrune, prune } from "../postgres/prune.ts";
import { postgresOf } from "./assemble-sink.ts";
import type { Settings } from "./config/load.ts";

/** Not at once: many processes are started together. Soon: a drain every five minutes may last no longer than a minute. */
const firstAfterMs = 20_000;
const everyMs = 3_600_000;

export interface PruneBesideParts {
  readonly settings: Settings;
  readonly database: Database;
  readonly clock: Clock;
  readonly report: Report;
}

/** Prunes now and then beside the lanes until `ended`, if this role may. Whatever comes of it, the run goes on. */
export async function pruneBeside({ settings, database, clock, report }: PruneBesideParts, ended: AbortSignal): Promise<void> {
  const { schema, receipt_days: days } = postgresOf(settings);
  const told = new Set<string | null>();
  const tell = (event: PipelineEvent & { readonly kind: "unpruned" }): void => {
    if (!told.has(event.code)) report(event);
    told.add(event.code);
  };
  for (let pauseMs = firstAfterMs; ; pauseMs = everyMs) {
    await clock.sleep(pauseMs * (0.5 + clock.random()), ended);
    if (ended.aborted) return;
    try {
      if (!(await mayPrune(database, schema))) return tell({ kind: "unpruned", code: null });
      const pipeline = await findPipeline(database, schema, settings.pipeline);
      if (pipeline !== null) await prune(database, { schema, pipeline, days }, ended);
    } catch (error) {
      // after an outage the next hour will do: nobody waits for it
      const code = codeOf(error);
      if (code !== "database_unreachable" && code !== "database_busy") tell({ kind: "unpruned", code });
    }
  }
}

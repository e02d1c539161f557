import { MasklineError } from "../../../src/errors.ts";
import { allRefused } from "./all-refused.ts";
import { brokenRun } from "./broken-run.ts";
import { sinkThat } from "./sink-that.ts";

// Gives up the rows of a batch that met an outage, and quarantines them as soon as the database is back.
const poisoned = new Set<string>();
await brokenRun({
  wrapSink: (sink) =>
    sinkThat(sink, {
      load: async (batch, halt) => {
        const place = `${batch.position.lane} ${batch.position.sequence}`;
        try {
          return await sink.load(poisoned.has(place) ? allRefused(batch) : batch, halt);
        } catch (error) {
          if (error instanceof MasklineError && error.code === "database_unreachable") poisoned.add(place);
          throw error;
        }
      },
    }),
});

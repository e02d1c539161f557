import { MasklineError } from "../../../src/errors.ts";
import { allRefused } from "./all-refused.ts";
import { brokenRun } from "./broken-run.ts";
import { sinkThat } from "./sink-that.ts";

// Takes whatever a statement fails with for a fault of the rows, and quarantines them.
const misfits: readonly string[] = ["database_refused", "database_denied", "target_misfit"];
await brokenRun({
  wrapSink: (sink) =>
    sinkThat(sink, {
      load: async (batch, halt) => {
        try {
          return await sink.load(batch, halt);
        } catch (error) {
          if (!(error instanceof MasklineError) || !misfits.includes(error.code)) throw error;
          return await sink.load(allRefused(batch), halt);
        }
      },
    }),
});

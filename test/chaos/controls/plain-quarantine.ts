import { brokenRun } from "./broken-run.ts";
import { sinkThat } from "./sink-that.ts";

// Keeps the bodies of refused messages as they came.
await brokenRun({
  wrapSink: (sink) =>
    sinkThat(sink, {
      load: (batch, halt) => sink.load({ ...batch, seal: async ({ delivery }) => Buffer.from(delivery.body) }, halt),
    }),
});

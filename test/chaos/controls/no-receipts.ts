import { randomUUID } from "node:crypto";

import { brokenRun } from "./broken-run.ts";
import { sinkThat } from "./sink-that.ts";

// Has no receipts that mean anything: under a name of its own each delivery is a message that never came before.
await brokenRun({
  wrapSink: (sink) =>
    sinkThat(sink, {
      load: ({ rows, refused, ...batch }, halt) =>
        sink.load({ ...batch, rows: { ...rows, ids: rows.ids.map(() => randomUUID()) }, refused }, halt),
    }),
});

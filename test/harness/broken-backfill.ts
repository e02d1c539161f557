import { randomUUID } from "node:crypto";

import { backfill } from "../../src/app/backfill.ts";
import { loadSettings } from "../../src/app/config/load.ts";
import { sinkThat } from "../chaos/controls/sink-that.ts";

// Loads a file as `maskline backfill FILE --sent-at 2024-05-01` does, but that each step is made somewhere else: always from the beginning, and
// never there where the next process looks.
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const settings = loadSettings({ file: "maskline.yaml", environment: {}, overrides: process.argv.slice(3) });
const totals = await backfill(
  settings,
  {
    files: [process.argv[2] ?? ""],
    changed: false,
    acceptTokens: false,
    sentAt: { atMs: Date.UTC(2024, 4, 1) },
    share: { index: 0, count: 1 },
    report: () => {},
    advanced: () => {},
    onReady: () => {},
    wrapSink: (sink) =>
      sinkThat(sink, {
        load: (batch, halt) =>
          sink.load({ ...batch, ...(batch.advance && { advance: { ...batch.advance, stream: randomUUID(), from: 0 } }) }, halt),
      }),
  },
  stop.signal,
);
process.stdout.write(`${JSON.stringify(totals)}\n`);

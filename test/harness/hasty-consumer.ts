import { setTimeout as pause } from "node:timers/promises";

import { loadSettings } from "../../src/app/config/load.ts";
import { run } from "../../src/app/run.ts";
import type { Settlement } from "../../src/pipeline/ports.ts";

// A broken variant on purpose: it deletes what it receives before it has loaded it. The tests that promise "nothing lost" must catch it.
const settings = loadSettings({ file: process.argv[2] ?? "", environment: {}, overrides: ["run.batch_rows=100"] });
let batches = 0;
await run(
  settings,
  {
    drain: false,
    idleMs: null,
    maxMessages: Infinity,
    report: () => {},
    onReady: () => {},
    wrapSource: (source) => ({
      receive: async (limit, signal) => {
        const deliveries = await source.receive(limit, signal);
        await source.settle((deliveries ?? []).map((delivery): Settlement => ({ delivery, outcome: "loaded" })));
        if (++batches < 3) return deliveries;
        process.stdout.write("deleted, not loaded\n");
        // stays at the moment between its delete and its commit, to be killed there
        for (;;) await pause(60_000);
      },
      settle: async () => {},
      close: () => source.close(),
    }),
  },
  new AbortController().signal,
);

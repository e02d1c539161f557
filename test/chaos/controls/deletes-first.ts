import type { Settlement } from "../../../src/pipeline/ports.ts";
import { brokenRun } from "./broken-run.ts";

// Deletes what it receives before it has loaded it.
await brokenRun({
  wrapSource: (source) => ({
    receive: async (limit, signal) => {
      const deliveries = await source.receive(limit, signal);
      if (deliveries !== null) await source.settle(deliveries.map((delivery): Settlement => ({ delivery, outcome: "loaded" })));
      return deliveries;
    },
    settle: async () => {},
    close: () => source.close(),
  }),
});

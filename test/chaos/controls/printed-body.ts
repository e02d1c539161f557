import { brokenRun } from "./broken-run.ts";

// Prints what it receives, as one does to see what is going on.
await brokenRun({
  wrapSource: (source) => ({
    receive: async (limit, signal) => {
      const deliveries = await source.receive(limit, signal);
      for (const { id, body } of deliveries ?? []) process.stderr.write(`received ${id}: ${JSON.stringify(body)}\n`);
      return deliveries;
    },
    settle: (settlements) => source.settle(settlements),
    close: () => source.close(),
  }),
});

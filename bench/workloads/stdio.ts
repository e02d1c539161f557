import { createReadStream } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

import { TokenOpener } from "../../test/chaos/token-opener.ts";
import type { Program } from "../rig/consumer.ts";
import { type EventFile, writeEventFile } from "../rig/event-file.ts";
import { maskline } from "../rig/programs.ts";
import { scaled } from "../rig/sizes.ts";
import { runTimed } from "../rig/timed-run.ts";
import { tokenFault } from "../rig/verify.ts";
import type { Contestant, Figures, Workload, WorkloadOptions } from "../rig/workload.ts";

const lines = { full: 2_000_000, quick: 130_000 } as const;
const lookedAt = 200;

export const stdio: Workload = {
  name: "stdio",
  about: "maskline mask, a filter over lines, beside one that parses and writes them",
  async open(options) {
    const events = await writeEventFile(options.place.folder, scaled(options.quick ? lines.quick : lines.full, options.scale));
    const parse: Program = { command: [process.execPath, path.join(import.meta.dirname, "parse-lines.ts")] };
    const row = { against: "JSON.parse and JSON.stringify of each line", of: ["mask", "parse"], goal: null, unit: "x" } as const;
    return [
      {
        contestants: [
          filters("mask", "maskline mask", options, events, await maskline(options.place, { kind: "login" }, "mask")),
          filters("parse", "JSON.parse and JSON.stringify", options, events, parse),
        ],
        missing: [],
        rows: [
          {
            ...row,
            workload: "maskline mask on stdio, CPU per line",
            better: "lower",
            ratio: (mask, parsed) => cost(mask) / cost(parsed),
          },
          {
            ...row,
            workload: "maskline mask on stdio, lines per second",
            better: "higher",
            ratio: (mask, parsed) => rate(mask) / rate(parsed),
          },
        ],
        shown: [
          { figure: "linesPerSecond", title: "lines/s", digits: 0 },
          { figure: "micros", title: "us CPU each", digits: 2 },
        ],
      },
    ];
  },
};

function filters(name: string, label: string, { place, say }: WorkloadOptions, events: EventFile, program: Program): Contestant {
  return {
    name,
    label,
    measure: async (): Promise<Figures> => {
      say(`${label}: ${events.lines.toLocaleString("en-US")} lines`);
      const stdout = path.join(place.folder, "filtered.ndjson");
      const { seconds, cpuSeconds } = await runTimed({
        program,
        folder: place.folder,
        given: { BENCH_KEYRING: place.keyRing },
        stdin: events.file,
        stdout,
        database: place.postgres.processId,
      });
      await verifyLines(stdout, events, name === "mask" ? await TokenOpener.of(place.keyRing) : null);
      return { linesPerSecond: events.lines / seconds, micros: (cpuSeconds / events.lines) * 1_000_000 };
    },
  };
}

/** @throws Error where a line is missing, or a token in one of the first does not open to what was masked */
async function verifyLines(file: string, { lines: expected, pool }: EventFile, opener: TokenOpener | null): Promise<void> {
  let found = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (found < lookedAt && opener !== null) {
      const row = JSON.parse(line) as { readonly masked_ip: string; readonly masked_device_id: string };
      const fault = tokenFault(row, pool[found % pool.length]?.body ?? "", opener);
      if (fault !== null) throw new Error(`a line is not what was read: ${fault}`);
    }
    found += 1;
  }
  if (found !== expected) throw new Error(`${expected} lines were read, ${found} written`);
}

function cost(figures: Figures | undefined): number {
  return figures?.["micros"] ?? Number.NaN;
}

function rate(figures: Figures | undefined): number {
  return figures?.["linesPerSecond"] ?? Number.NaN;
}

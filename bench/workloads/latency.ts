import type { Sizes } from "../rig/sizes.ts";
import type { RowPlan, Series, Workload, WorkloadOptions } from "../rig/workload.ts";
import { drainFigures, masklineDrains } from "./drains.ts";

const latenciesMs = [5, 20] as const;
/** Asked for at one of them. */
const goals: Readonly<Partial<Record<number, number>>> = { 20: 15 };

const parallel: Sizes = { full: { messages: 200_000, warmUp: 50_000 }, quick: { messages: 30_000, warmUp: 10_000 } };
/** Ten messages a round trip, so it takes as long. */
const serial: Sizes = { full: { messages: 6_000, warmUp: 1_000 }, quick: { messages: 2_000, warmUp: 500 } };

export const latency: Workload = {
  name: "latency",
  about: "messages a second where each answer of the queue takes 5 or 20 ms, beside one receiver and one deleter",
  async open(options) {
    return Promise.all(latenciesMs.map((latencyMs) => atLatency(options, latencyMs)));
  },
};

async function atLatency(options: WorkloadOptions, latencyMs: number): Promise<Series> {
  const row: RowPlan = {
    workload: `queue -> Postgres, messages per second, ${latencyMs} ms injected latency, one process`,
    against: "the same with one receiver and one deleter",
    of: ["maskline", "one"],
    ratio: (own, one) => (own?.["messagesPerSecond"] ?? Number.NaN) / (one?.["messagesPerSecond"] ?? Number.NaN),
    better: "higher",
    goal: goals[latencyMs] ?? null,
    unit: "x",
  };
  return {
    contestants: [
      await masklineDrains(options, { name: "maskline", label: `maskline, ${latencyMs} ms`, sizes: parallel, latencyMs }),
      await masklineDrains(options, {
        name: "one",
        label: `maskline, ${latencyMs} ms, parallel_calls: 1`,
        sizes: serial,
        latencyMs,
        variant: { source: "parallel_calls: 1" },
      }),
    ],
    missing: [],
    rows: [row],
    shown: drainFigures,
  };
}

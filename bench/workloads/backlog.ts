import type { Sizes } from "../rig/sizes.ts";
import type { Figures, RowPlan, Workload } from "../rig/workload.ts";
import { consumerCost, drainFigures, masklineDrains } from "./drains.ts";

const small: Sizes = { full: { messages: 400_000, warmUp: 100_000 }, quick: { messages: 50_000, warmUp: 20_000 } };
const large: Sizes = { full: { messages: 10_000_000, warmUp: 100_000 }, quick: { messages: 200_000, warmUp: 20_000 } };

export const backlog: Workload = {
  name: "backlog",
  about: "a backlog of 10^7 messages beside one of 4 x 10^5: cost a message, and memory",
  async open(options) {
    const against = options.quick ? "a quarter of it (quick)" : "at 4 x 10^5 (warm)";
    const at = options.quick ? "a larger backlog (quick)" : "10^7";
    const rows: readonly RowPlan[] = [
      {
        workload: `cost per message at ${at}`,
        against,
        of: ["large", "small"],
        ratio: (some, few) => consumerCost(some) / consumerCost(few),
        better: "lower",
        goal: 1.1,
        unit: "x",
      },
      {
        workload: `database CPU per message at ${at}`,
        against,
        of: ["large", "small"],
        ratio: (some, few) => (some?.["databaseMicros"] ?? Number.NaN) / (few?.["databaseMicros"] ?? Number.NaN),
        better: "lower",
        goal: null,
        unit: "x",
      },
      {
        workload: `memory (peak RSS) at ${at} backlog`,
        against,
        of: ["large", "small"],
        ratio: (some, few) => megabytes(some) / megabytes(few),
        better: "lower",
        goal: 1.1,
        unit: "x",
      },
      {
        workload: `memory (peak RSS) at ${at} backlog, MB`,
        against: "256 MB",
        of: ["large"],
        ratio: megabytes,
        better: "lower",
        goal: 256,
        unit: "MB",
      },
    ];
    return [
      {
        contestants: [
          await masklineDrains(options, {
            name: "small",
            label: `maskline, ${options.quick ? "small" : "4 x 10^5"}`,
            sizes: small,
          }),
          await masklineDrains(options, { name: "large", label: `maskline, ${options.quick ? "large" : "10^7"}`, sizes: large }),
        ],
        missing: [],
        rows,
        shown: drainFigures,
      },
    ];
  },
};

function megabytes(figures: Figures | undefined): number {
  return figures?.["peakMegabytes"] ?? Number.NaN;
}

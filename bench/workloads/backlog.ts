import { type Sizes, sizeOf } from "../rig/sizes.ts";
import { number } from "../rig/table.ts";
import type { Figures, RowPlan, Workload } from "../rig/workload.ts";
import { consumerCost, drainFigures, masklineDrains } from "./drains.ts";

const small: Sizes = { full: { messages: 400_000, warmUp: 100_000 }, quick: { messages: 50_000, warmUp: 20_000 } };
const large: Sizes = { full: { messages: 10_000_000, warmUp: 100_000 }, quick: { messages: 200_000, warmUp: 20_000 } };

export const backlog: Workload = {
  name: "backlog",
  about: "a backlog of 10^7 messages beside one of 4 x 10^5: cost a message, and memory",
  async open(options) {
    const [some, few] = [sizeOf(large, options), sizeOf(small, options)].map(({ messages }) => number(messages, 0));
    const against = "at 4 x 10^5 (warm)";
    const noted = options.quick || options.scale !== 1 ? { note: `(here ${some} and ${few} messages)` } : {};
    const rows: readonly RowPlan[] = [
      {
        workload: "cost per message at 10^7",
        against,
        of: ["large", "small"],
        ratio: (long, short) => consumerCost(long) / consumerCost(short),
        better: "lower",
        goal: 1.1,
        unit: "x",
        ...noted,
      },
      {
        workload: "database CPU per message at 10^7",
        against,
        of: ["large", "small"],
        ratio: (long, short) => (long?.["databaseMicros"] ?? Number.NaN) / (short?.["databaseMicros"] ?? Number.NaN),
        better: "lower",
        goal: null,
        unit: "x",
        ...noted,
      },
      {
        workload: "memory (peak RSS) at 10^7 backlog",
        against,
        of: ["large", "small"],
        ratio: (long, short) => megabytes(long) / megabytes(short),
        better: "lower",
        goal: 1.1,
        unit: "x",
        ...noted,
      },
      {
        workload: "memory (peak RSS) at 10^7 backlog, MB",
        against: "256 MB",
        of: ["large"],
        ratio: megabytes,
        better: "lower",
        goal: 256,
        unit: "MB",
        ...noted,
      },
    ];
    return [
      {
        contestants: [
          await masklineDrains(options, {
            name: "small",
            label: `maskline, ${few} messages`,
            sizes: small,
          }),
          await masklineDrains(options, { name: "large", label: `maskline, ${some} messages`, sizes: large }),
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

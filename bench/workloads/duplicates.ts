import type { Sizes } from "../rig/sizes.ts";
import type { Workload } from "../rig/workload.ts";
import { drainFigures, masklineDrains, timeEach, wholeCost } from "./drains.ts";

const sizes: Sizes = { full: { messages: 300_000, warmUp: 60_000 }, quick: { messages: 36_000, warmUp: 12_000 } };

export const duplicates: Workload = {
  name: "duplicates",
  about: "5 % of the messages delivered a second time after they were deleted",
  async open(options) {
    const row = { against: "no duplicates", of: ["some", "none"], better: "lower", goal: null, unit: "x" } as const;
    return [
      {
        contestants: [
          await masklineDrains(options, { name: "none", label: "no duplicates", sizes }),
          await masklineDrains(options, { name: "some", label: "5 % come twice", sizes, backlog: { duplicates: 0.05 } }),
        ],
        missing: [],
        rows: [
          { ...row, workload: "5 % duplicates, time per delivery", ratio: (some, none) => timeEach(some) / timeEach(none) },
          {
            ...row,
            workload: "5 % duplicates, CPU of consumer and database per delivery",
            ratio: (some, none) => wholeCost(some) / wholeCost(none),
          },
        ],
        shown: drainFigures,
      },
    ];
  },
};

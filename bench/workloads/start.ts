import type { Workload } from "../rig/workload.ts";
import { masklineDrains } from "./drains.ts";

const few = { messages: 500, warmUp: 100 };

export const start: Workload = {
  name: "start",
  about: "CPU from the start of the process until its first receive",
  async open(options) {
    return [
      {
        contestants: [await masklineDrains(options, { name: "maskline", label: "maskline", sizes: { full: few, quick: few } })],
        missing: [],
        rows: [
          {
            workload: "start-up to first receive, ms of CPU",
            against: "400 ms",
            of: ["maskline"],
            ratio: (figures) => figures?.["startUpMs"] ?? Number.NaN,
            better: "lower",
            goal: 400,
            unit: "ms",
          },
        ],
        shown: [{ figure: "startUpMs", title: "ms of CPU", digits: 0 }],
      },
    ];
  },
};

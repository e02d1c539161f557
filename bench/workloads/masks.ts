import { makeEntries } from "../entry.ts";
import { maskPlans } from "../mask-plans.ts";
import { measure } from "../measure.ts";
import type { Workload } from "../rig/workload.ts";

export const masks: Workload = {
  name: "masks",
  about: "masks alone, beside what one would write first; bench:masks shows more of them",
  async open({ say }) {
    const entries = makeEntries(maskPlans);
    for (const entry of entries) entry.prove();
    return [
      {
        contestants: [
          {
            name: "masks",
            label: "masks",
            measure: async () => {
              say(`${entries.length} masks, each beside its baseline`);
              return Object.fromEntries(measure(entries, 1).map(({ entry, ratio }) => [entry.name, ratio.median]));
            },
          },
        ],
        missing: [],
        rows: entries.map(({ name, baseline, target }) => ({
          workload: `masks alone: ${name}`,
          against: baseline.name,
          of: ["masks"],
          ratio: (figures) => figures?.[name] ?? Number.NaN,
          better: "higher",
          goal: target,
          unit: "x",
        })),
        shown: [],
      },
    ];
  },
};

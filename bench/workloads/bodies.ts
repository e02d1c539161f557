import type { BodyKind } from "../load-queue/bodies.ts";
import type { Sizes } from "../rig/sizes.ts";
import type { Contestant, RowPlan, Workload } from "../rig/workload.ts";
import { consumerCost, drainFigures, masklineDrains } from "./drains.ts";

const kinds: readonly { readonly kind: BodyKind; readonly label: string; readonly sizes: Sizes }[] = [
  {
    kind: "login",
    label: "events of 165 bytes, 7 columns",
    sizes: { full: { messages: 300_000, warmUp: 60_000 }, quick: { messages: 36_000, warmUp: 12_000 } },
  },
  {
    kind: "columns40",
    label: "events of 1.3 KB, 40 columns",
    sizes: { full: { messages: 120_000, warmUp: 30_000 }, quick: { messages: 18_000, warmUp: 6_000 } },
  },
  {
    kind: "2kb",
    label: "events of 2 KB, 7 columns",
    sizes: { full: { messages: 120_000, warmUp: 30_000 }, quick: { messages: 18_000, warmUp: 6_000 } },
  },
  {
    kind: "20kb",
    label: "events of 20 KB, 7 columns",
    sizes: { full: { messages: 30_000, warmUp: 6_000 }, quick: { messages: 6_000, warmUp: 2_000 } },
  },
];

export const bodies: Workload = {
  name: "bodies",
  about: "narrow and wide events: 165 B, 2 KB and 20 KB; 7 and 40 columns",
  async open(options) {
    const contestants: Contestant[] = [];
    const rows: RowPlan[] = [];
    for (const { kind, label, sizes } of kinds) {
      contestants.push(await masklineDrains(options, { name: kind, label, sizes, backlog: { kind } }));
      if (kind === "login") continue;
      rows.push({
        workload: `${label}, consumer CPU per message`,
        against: "events of 165 bytes, 7 columns",
        of: [kind, "login"],
        ratio: (wide, narrow) => consumerCost(wide) / consumerCost(narrow),
        better: "lower",
        goal: null,
        unit: "x",
      });
    }
    return [{ contestants, missing: [], rows, shown: drainFigures }];
  },
};

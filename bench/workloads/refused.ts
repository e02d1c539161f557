import type { BacklogPlan } from "../load-queue/backlog.ts";
import type { Sizes } from "../rig/sizes.ts";
import type { Contestant, RowPlan, Workload, WorkloadOptions } from "../rig/workload.ts";
import { drainFigures, masklineDrains, timeEach, wholeCost } from "./drains.ts";

interface Refusal {
  readonly by: "a CHECK" | "the contract";
  readonly share: number;
  readonly goal: number | null;
}

const refusals: readonly Refusal[] = [
  { by: "a CHECK", share: 0.001, goal: null },
  { by: "a CHECK", share: 0.01, goal: 2.5 },
  { by: "a CHECK", share: 0.1, goal: null },
  { by: "the contract", share: 0.001, goal: null },
  { by: "the contract", share: 0.01, goal: 1.1 },
  { by: "the contract", share: 0.1, goal: null },
];

const sizes: Sizes = { full: { messages: 150_000, warmUp: 30_000 }, quick: { messages: 24_000, warmUp: 8_000 } };
/** The failure budget counts on, and is never spent. */
const variant = { lines: "limits: { refused: 1000000, share: 1 }\n" };

export const refused: Workload = {
  name: "refused",
  about: "0, 0.1, 1 and 10 % of the rows refused, by a CHECK of the table and by the contract",
  async open(options) {
    const contestants = [await drain(options, "none", "none refused", {})];
    const rows: RowPlan[] = [];
    for (const { by, share, goal } of refusals) {
      const title = `${share * 100} % of rows refused by ${by}`;
      contestants.push(await drain(options, title, title, by === "a CHECK" ? { refused: share } : { broken: share }));
      const row = { against: "none refused", of: [title, "none"], better: "lower", unit: "x" } as const;
      rows.push({ ...row, workload: `${title}, time`, ratio: (own, none) => timeEach(own) / timeEach(none), goal });
      rows.push({
        ...row,
        workload: `${title}, CPU of consumer and database`,
        ratio: (own, none) => wholeCost(own) / wholeCost(none),
        goal: null,
      });
    }
    return [{ contestants, missing: [], rows, shown: drainFigures }];
  },
};

function drain(options: WorkloadOptions, name: string, label: string, backlog: Partial<BacklogPlan>): Promise<Contestant> {
  return masklineDrains(options, { name, label, sizes, backlog, withCheck: true, variant });
}

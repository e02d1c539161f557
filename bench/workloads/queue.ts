import { peer } from "../rig/programs.ts";
import { type Sizes, sizeOf } from "../rig/sizes.ts";
import type { Contestant, RowPlan, Workload } from "../rig/workload.ts";
import { backlogOf, consumerCost, drainFigures, drains, masklineDrains } from "./drains.ts";

interface PeerPlan {
  readonly name: string;
  readonly against: string;
  readonly goal: number | null;
  /** How much less maskline costs than the other, or how much more. */
  readonly maskline: "costs less" | "costs more";
  /** A slow consumer gets fewer messages: what counts is the cost of one after the warm-up. */
  readonly sizes: Sizes;
}

const many: Sizes = { full: { messages: 500_000, warmUp: 100_000 }, quick: { messages: 60_000, warmUp: 20_000 } };

const peerPlans: readonly PeerPlan[] = [
  {
    name: "sdk-default",
    against: "SDK client at its defaults + the same loader",
    goal: 4.5,
    maskline: "costs less",
    sizes: { full: { messages: 200_000, warmUp: 50_000 }, quick: { messages: 30_000, warmUp: 10_000 } },
  },
  {
    name: "sqs-consumer",
    against: "sqs-consumer + pg, one INSERT a message",
    goal: 18,
    maskline: "costs less",
    sizes: { full: { messages: 30_000, warmUp: 10_000 }, quick: { messages: 6_000, warmUp: 2_000 } },
  },
  {
    name: "sqs-consumer-batch",
    against: "sqs-consumer + pg, one INSERT a batch of ten",
    goal: null,
    maskline: "costs less",
    sizes: { full: { messages: 60_000, warmUp: 20_000 }, quick: { messages: 12_000, warmUp: 4_000 } },
  },
  {
    name: "python-reference",
    against: "the reference implementations' way (Python)",
    goal: 35,
    maskline: "costs less",
    sizes: { full: { messages: 12_000, warmUp: 2_000 }, quick: { messages: 2_500, warmUp: 500 } },
  },
  {
    name: "limit",
    against: "receive + delete alone, same transport (limit)",
    goal: 2.5,
    maskline: "costs more",
    sizes: many,
  },
];

/** Receivers of consumers that have such an option. */
const pollers = 8;

export const queue: Workload = {
  name: "queue",
  about: "queue -> Postgres, receipts, quarantine and ledger on: CPU a message, beside the peers",
  async open(options) {
    const contestants: Contestant[] = [await masklineDrains(options, { name: "maskline", label: "maskline", sizes: many })];
    const missing: { name: string; reason: string }[] = [];
    const rows: RowPlan[] = [];
    for (const { name, against, goal, maskline, sizes } of peerPlans) {
      rows.push({
        workload: "queue -> Postgres, consumer CPU per message",
        against,
        of: ["maskline", name],
        ratio: (ours, theirs) =>
          maskline === "costs less" ? consumerCost(theirs) / consumerCost(ours) : consumerCost(ours) / consumerCost(theirs),
        better: maskline === "costs less" ? "higher" : "lower",
        goal,
        unit: "x",
      });
      const found = await peer(name);
      if ("missing" in found) {
        missing.push({ name, reason: found.missing });
        continue;
      }
      const { program } = found;
      const { label, rows: leaves } = found.peer;
      const size = backlogOf(sizeOf(sizes, options));
      contestants.push(drains(name, label, options, { ...size, latencyMs: 0, program, leaves, withCheck: false, pollers }));
    }
    return [{ contestants, missing, rows, shown: drainFigures }];
  },
};

import { plainBacklog } from "../load-queue/backlog.ts";
import { maskline, peer } from "../rig/programs.ts";
import { type QueueFigures, type QueueRunPlan, runQueue } from "../rig/queue-run.ts";
import type { Contestant, Figures, Goal, RowPlan, Series, ShownFigure, Workload, WorkloadOptions } from "../rig/workload.ts";

/** What is shown of every drain of a queue. */
export const drainFigures: readonly ShownFigure[] = [
  { figure: "messagesPerSecond", title: "messages/s", digits: 0 },
  { figure: "consumerMicros", title: "consumer, us CPU each", digits: 2 },
  { figure: "databaseMicros", title: "database", digits: 2 },
  { figure: "queueMicros", title: "queue server", digits: 2 },
  { figure: "peakBytes", title: "peak memory, bytes", digits: 0 },
];

/** A consumer that drains a queue. */
export function drains(name: string, label: string, { place, say }: WorkloadOptions, plan: QueueRunPlan): Contestant {
  return {
    name,
    label,
    measure: async (): Promise<Figures> => {
      say(`${label}: ${plan.backlog.messages.toLocaleString("en-US")} messages`);
      return { ...(await runQueue(place, plan)) } satisfies QueueFigures;
    },
  };
}

interface Sizes {
  readonly messages: number;
  readonly warmUp: number;
}

interface PeerPlan {
  readonly name: string;
  readonly goal: Goal;
  /** How often the other's CPU a message is maskline's, or the other way round. */
  readonly ratio: "less" | "more";
  readonly full: Sizes;
  readonly quick: Sizes;
}

const own: { readonly full: Sizes; readonly quick: Sizes } = {
  full: { messages: 500_000, warmUp: 100_000 },
  quick: { messages: 60_000, warmUp: 20_000 },
};

/** Slow consumers get fewer messages: what counts is the cost of one after the warm-up. */
const peerPlans: readonly PeerPlan[] = [
  {
    name: "sdk-default",
    goal: { is: "at least", value: 4.5 },
    ratio: "less",
    full: { messages: 200_000, warmUp: 50_000 },
    quick: { messages: 30_000, warmUp: 10_000 },
  },
  {
    name: "sqs-consumer",
    goal: { is: "at least", value: 18 },
    ratio: "less",
    full: { messages: 30_000, warmUp: 10_000 },
    quick: { messages: 6_000, warmUp: 2_000 },
  },
  {
    name: "python-reference",
    goal: { is: "at least", value: 35 },
    ratio: "less",
    full: { messages: 15_000, warmUp: 3_000 },
    quick: { messages: 3_000, warmUp: 500 },
  },
  {
    name: "limit",
    goal: { is: "at most", value: 2.5 },
    ratio: "more",
    full: { messages: 500_000, warmUp: 100_000 },
    quick: { messages: 60_000, warmUp: 20_000 },
  },
];

const workload = "queue -> Postgres, consumer CPU per message";

export const queue: Workload = {
  name: "queue",
  about: "queue -> Postgres with receipts, quarantine and ledger on, beside the peers: CPU a message",
  async open(options) {
    const common = { latencyMs: 0, withCheck: false, pollers: 8 } as const;
    const size = (sizes: { readonly full: Sizes; readonly quick: Sizes }): Sizes => (options.quick ? sizes.quick : sizes.full);
    const plan = ({ messages, warmUp }: Sizes): Pick<QueueRunPlan, "backlog" | "warmUp"> => ({
      backlog: { ...plainBacklog, messages },
      warmUp,
    });
    const program = await maskline(options.place, { kind: "login", lines: "" }, "run");
    const contestants = [drains("maskline", "maskline", options, { ...common, ...plan(size(own)), program, leaves: "account" })];
    const missing: { name: string; reason: string }[] = [];
    const rows: RowPlan[] = [];
    for (const { name, goal, ratio, ...sizes } of peerPlans) {
      const found = await peer(name);
      rows.push({
        workload,
        against: "missing" in found ? name : found.peer.label,
        of: ["maskline", name],
        ratio: (ours, theirs) => (ratio === "less" ? costOf(theirs) / costOf(ours) : costOf(ours) / costOf(theirs)),
        goal,
        unit: "x",
      });
      if ("missing" in found) missing.push({ name, reason: found.missing });
      else {
        const leaves = found.peer.rows;
        contestants.push(
          drains(name, found.peer.label, options, { ...common, ...plan(size(sizes)), program: found.program, leaves }),
        );
      }
    }
    return [{ contestants, missing, rows, shown: drainFigures } satisfies Series];
  },
};

function costOf(figures: Figures | undefined): number {
  return figures?.["consumerMicros"] ?? Number.NaN;
}

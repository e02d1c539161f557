import { type BacklogPlan, plainBacklog } from "../load-queue/backlog.ts";
import { maskline } from "../rig/programs.ts";
import { type QueueRunPlan, runQueue } from "../rig/queue-run.ts";
import { type Size, sizeOf, type Sizes } from "../rig/sizes.ts";
import type { Variant } from "../rig/target.ts";
import type { Contestant, Figures, ShownFigure, WorkloadOptions } from "../rig/workload.ts";

/** What is shown of every drain of a queue. */
export const drainFigures: readonly ShownFigure[] = [
  { figure: "messagesPerSecond", title: "messages/s", digits: 0 },
  { figure: "consumerMicros", title: "consumer, us CPU each", digits: 2 },
  { figure: "databaseMicros", title: "database", digits: 2 },
  { figure: "queueMicros", title: "queue server", digits: 2 },
  { figure: "peakMegabytes", title: "peak MB", digits: 0 },
];

/** A program that drains a queue. */
export function drains(name: string, label: string, { place, say }: WorkloadOptions, plan: QueueRunPlan): Contestant {
  return {
    name,
    label,
    measure: async () => {
      say(`${label}: ${plan.backlog.messages.toLocaleString("en-US")} messages`);
      return { ...(await runQueue(place, plan)) };
    },
  };
}

/** How maskline drains a queue, where it is not as ever. */
export interface OwnDrain {
  readonly name: string;
  readonly label: string;
  readonly sizes: Sizes;
  readonly backlog?: Partial<BacklogPlan>;
  readonly latencyMs?: number;
  readonly withCheck?: boolean;
  readonly variant?: Omit<Variant, "kind">;
}

/** maskline, every guarantee on. */
export async function masklineDrains(options: WorkloadOptions, drain: OwnDrain): Promise<Contestant> {
  const { name, label, sizes, latencyMs = 0, withCheck = false, variant = {} } = drain;
  const { backlog, warmUp } = backlogOf(sizeOf(sizes, options), drain.backlog);
  const program = await maskline(options.place, { kind: backlog.kind, ...variant }, "run");
  return drains(name, label, options, { backlog, warmUp, latencyMs, program, leaves: "account", withCheck, pollers: 1 });
}

export function backlogOf(
  { messages, warmUp }: Size,
  changes: Partial<BacklogPlan> = {},
): { readonly backlog: BacklogPlan; readonly warmUp: number } {
  return { backlog: { ...plainBacklog, messages, ...changes }, warmUp };
}

/** CPU time of the consumer a message. */
export function consumerCost(figures: Figures | undefined): number {
  return figures?.["consumerMicros"] ?? Number.NaN;
}

/** Of consumer and database together. */
export function wholeCost(figures: Figures | undefined): number {
  return consumerCost(figures) + (figures?.["databaseMicros"] ?? Number.NaN);
}

/** Wall-clock time a message. */
export function timeEach(figures: Figures | undefined): number {
  return 1 / (figures?.["messagesPerSecond"] ?? Number.NaN);
}

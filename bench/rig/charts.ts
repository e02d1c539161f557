import { barChart } from "./bar-chart.ts";
import type { Results } from "./result.ts";

/** What is drawn: one figure of the contestants of one workload. */
interface ChartPlan {
  readonly name: string;
  readonly group: string;
  readonly figure: string;
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
}

const plans: readonly ChartPlan[] = [
  {
    name: "queue-cpu",
    group: "queue",
    figure: "consumerMicros",
    title: "Queue to Postgres: CPU of the consumer",
    unit: "microseconds a message, shorter is better",
    digits: 1,
  },
  {
    name: "queue-database-cpu",
    group: "queue",
    figure: "databaseMicros",
    title: "Queue to Postgres: CPU of the database",
    unit: "microseconds a message, shorter is better",
    digits: 1,
  },
  {
    name: "latency",
    group: "latency",
    figure: "messagesPerSecond",
    title: "Queue to Postgres under latency, one process",
    unit: "messages a second, longer is better",
    digits: 0,
  },
  {
    name: "refused",
    group: "refused",
    figure: "messagesPerSecond",
    title: "Some rows refused",
    unit: "messages a second, longer is better",
    digits: 0,
  },
  {
    name: "bodies",
    group: "bodies",
    figure: "consumerMicros",
    title: "Narrow and wide events: CPU of the consumer",
    unit: "microseconds a message, shorter is better",
    digits: 1,
  },
  {
    name: "file",
    group: "file",
    figure: "rowsPerSecond",
    title: "File to Postgres, one process",
    unit: "rows a second, longer is better",
    digits: 0,
  },
  {
    name: "backlog-memory",
    group: "backlog",
    figure: "peakMegabytes",
    title: "Memory at its peak, whatever the backlog",
    unit: "MB (RSS), shorter is better",
    digits: 0,
  },
];

export interface Chart {
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

/** A picture of each plan that was measured. */
export function charts({ contestants }: Results): readonly Chart[] {
  return plans.flatMap(({ name, group, figure, title, unit, digits }) => {
    const bars = contestants.flatMap((result) => {
      const spread = result.group === group ? result.figures[figure] : undefined;
      return spread === undefined ? [] : [{ ...spread, label: result.label, isOwn: result.label.startsWith("maskline") }];
    });
    return bars.length === 0 ? [] : [{ name, title, svg: barChart({ title, unit, digits, bars }) }];
  });
}

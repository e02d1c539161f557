import type { Workload } from "../rig/workload.ts";
import { backlog } from "./backlog.ts";
import { bodies } from "./bodies.ts";
import { duplicates } from "./duplicates.ts";
import { file } from "./file.ts";
import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import { masks } from "./masks.ts";
import { queue } from "./queue.ts";
import { refused } from "./refused.ts";
import { start } from "./start.ts";
import { stdio } from "./stdio.ts";

/** Every part of the benchmark, in the order in which they run. */
export const workloads: readonly Workload[] = [
  queue,
  latency,
  refused,
  duplicates,
  bodies,
  file,
  stdio,
  masks,
  start,
  idle,
  backlog,
];

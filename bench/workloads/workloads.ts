import type { Workload } from "../rig/workload.ts";
import { queue } from "./queue.ts";

/** Every part of the benchmark, in the order in which they run. */
export const workloads: readonly Workload[] = [queue];

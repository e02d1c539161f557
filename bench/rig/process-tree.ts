import { readdirSync, readFileSync } from "node:fs";

/** What a process and all that it started have used. */
export interface TreeUse {
  /** User and system time, also of children that have ended. */
  readonly cpuSeconds: number;
  /** The most memory each of those that are there has had at once (VmHWM), added up. */
  readonly peakBytes: number;
}

interface Stat {
  readonly parent: number;
  readonly ticks: number;
  readonly endedTicks: number;
}

/** USER_HZ: 100 on every Linux that Node runs on (proc_pid_stat(5) counts in it, whatever the kernel's own HZ). */
const ticksPerSecond = 100;

/** Whether the kernel tells (Linux's /proc). */
export function canMeasure(): boolean {
  return statOf(process.pid) !== null;
}

/** The use of several trees at one moment, in their order. A tree that is gone has used nothing. */
export function useOfTrees(roots: readonly number[]): readonly TreeUse[] {
  const stats = new Map<number, Stat>();
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const processId = Number(name);
    const stat = Number.isInteger(processId) ? statOf(processId) : null;
    if (stat === null) continue;
    stats.set(processId, stat);
    const siblings = children.get(stat.parent);
    if (siblings === undefined) children.set(stat.parent, [processId]);
    else siblings.push(processId);
  }
  return roots.map((root) => {
    let ticks = 0;
    let peakBytes = 0;
    const left = [root];
    for (let processId = left.pop(); processId !== undefined; processId = left.pop()) {
      ticks += stats.get(processId)?.ticks ?? 0;
      peakBytes += peakOf(processId);
      left.push(...(children.get(processId) ?? []));
    }
    return { cpuSeconds: ticks / ticksPerSecond, peakBytes };
  });
}

/** CPU time of this process's children that have ended, and of theirs. */
export function endedChildrenSeconds(): number {
  return (statOf(process.pid)?.endedTicks ?? 0) / ticksPerSecond;
}

/** proc_pid_stat(5): the name in parentheses may hold anything, so the fields are counted from behind it. */
function statOf(processId: number): Stat | null {
  const text = read(`/proc/${processId}/stat`);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  // cutime and cstime: of children that were waited for; utime and stime
  const endedTicks = field(16) + field(17);
  return { parent: field(4), ticks: field(14) + field(15) + endedTicks, endedTicks };
}

function peakOf(processId: number): number {
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(read(`/proc/${processId}/status`) ?? "")?.[1];
  return Number(kilobytes ?? 0) * 1_024;
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

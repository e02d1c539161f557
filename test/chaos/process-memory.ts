import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

/** Memory that a process had resident, in bytes. */
export interface ProcessMemory {
  /** As the kernel kept it (VmHWM): no peak between two looks is missed. */
  readonly peakBytes: number;
  /** What the last third of the time had over the second third, on average: 0.05 is 5 % more. What goes on growing shows here. */
  readonly slope: number;
  readonly grownBytes: number;
  readonly looks: number;
}

const everyMs = 50;

/**
 * Watches a process until it has ended (proc_pid_status(5)).
 * @param counts whether what is seen now counts for the slope: not the start, nor the end of an idle process
 */
export async function watchMemory(
  pid: number,
  ended: Promise<unknown>,
  counts: () => boolean = () => true,
): Promise<ProcessMemory> {
  let over = false;
  const note = (): void => void (over = true);
  void ended.then(note, note);
  const resident: number[] = [];
  let peakBytes = 0;
  while (!over) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const of = (name: string): number => 1_024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
    peakBytes = Math.max(peakBytes, of("VmHWM"));
    if (of("VmRSS") > 0 && counts()) resident.push(of("VmRSS"));
    await pause(everyMs);
  }
  const third = Math.floor(resident.length / 3);
  const second = mean(resident.slice(third, 2 * third));
  const grownBytes = mean(resident.slice(2 * third)) - second;
  return { peakBytes, slope: grownBytes / second, grownBytes, looks: resident.length };
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

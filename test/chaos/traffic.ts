import { setTimeout as pause } from "node:timers/promises";

import type { Stage } from "./stage.ts";

const everyMs = 50;

/** Messages that keep coming until it is stopped. */
export interface Traffic {
  stop(): void;
}

/** @param send login events of any kind when left out */
export function keepSending(
  stage: Stage,
  perSecond: number,
  send: (count: number) => void = (count) => stage.send(count),
): Traffic {
  let owed = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    owed += ((nowMs - lastMs) / 1_000) * perSecond;
    lastMs = nowMs;
    const due = Math.floor(owed);
    owed -= due;
    send(due);
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}

const windowMs = 500;

/**
 * Resolves with the seconds until messages are done with at the pace at which they come, or faster; null when that is not so in time, or when no
 * worker is left.
 */
export async function untilFullSpeed(stage: Stage, perSecond: number, withinSeconds: number): Promise<number | null> {
  const startedAtMs = performance.now();
  const since = (ms: number): number => (performance.now() - ms) / 1_000;
  while (stage.manned && since(startedAtMs) < withinSeconds) {
    const [deletes, windowAtMs] = [stage.queues.counters.deletes, performance.now()];
    await pause(windowMs);
    if (stage.queues.counters.deletes - deletes >= perSecond * since(windowAtMs)) return since(startedAtMs);
  }
  return null;
}

import { setTimeout as wait } from "node:timers/promises";

import type { Clock } from "../pipeline/clock.ts";

export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  random: Math.random,
  sleep: (delayMs, signal) => wait(delayMs, undefined, { signal }).catch(() => {}),
};

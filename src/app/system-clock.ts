import { setTimeout as wait } from "node:timers/promises";

import type { Clock } from "../pipeline/clock.ts";

export const systemClock: Clock = {
  now: Date.now,
  random: Math.random,
  sleep: (delayMs, signal) => wait(delayMs, undefined, { signal }).catch(() => {}),
};

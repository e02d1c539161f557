import assert from "node:assert/strict";
import { test } from "node:test";

import { percent, timeTaken } from "../../src/cli/time-taken.ts";

test("times are told in the unit they fit, and those beyond all reach by their power of ten", () => {
  const year = 365.25 * 86_400;
  const told = [0.01, 0.25, 12, 90, 2_202, 14_400, 3 * 86_400, 2 * year, 58_494 * year, 3e21 * year].map(timeTaken);
  assert.deepEqual(told, [
    "less than 0.1 s",
    "0.3 s",
    "12 s",
    "1.5 min",
    "36.7 min",
    "4 h",
    "3 days",
    "2 years",
    "58,494 years",
    "10^21 years",
  ]);
});

test("a share that is not all never reads as all, and one that is not nothing never as nothing", () => {
  assert.deepEqual([0, 1e-9, 0.0456, 0.99999, 1].map(percent), ["0 %", "less than 0.1 %", "4.6 %", "99.9 %", "100 %"]);
});

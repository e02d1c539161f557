import assert from "node:assert/strict";
import { test } from "node:test";

import { endsInTime } from "../../src/pipeline/deadline.ts";
import { SteppedClock } from "../harness/stepped-clock.ts";

const forever = new Promise<never>(() => {});

test("work that ends has all the time until it is asked to stop, and its outcome is kept", async () => {
  const clock = new SteppedClock();
  const stop = new AbortController();
  const work = Promise.withResolvers<number>();
  const outcome = endsInTime(work.promise, stop.signal, 25_000, clock);
  await clock.pass(1_000_000);
  stop.abort();
  await clock.pass(24_999);
  work.resolve(7);
  assert.equal(await outcome, 7);
  await assert.rejects(endsInTime(Promise.reject(new RangeError("its own")), stop.signal, 25_000, clock), RangeError);
});

test("work that does not end is left when its time is over", async () => {
  for (const asksFirst of [true, false]) {
    const clock = new SteppedClock();
    const stop = new AbortController();
    if (asksFirst) stop.abort();
    const left = assert.rejects(endsInTime(forever, stop.signal, 25_000, clock), { code: "interrupted" });
    stop.abort();
    await clock.pass(25_000);
    await left;
  }
});

import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Delivery } from "../../src/pipeline/ports.ts";
import { Replay, type ReplayResult } from "../../src/recovery/replay.ts";
import { SteppedClock } from "../harness/stepped-clock.ts";

const selected = Array.from({ length: 25 }, (_, index) => ({ id: `m-${index}`, sentAtMs: index, bodyBytes: 10 }));

/** A replay of messages that all open and fit; `loaded` has the ids in the order they were loaded. */
function replaying(messagesPerSecond: number): {
  readonly clock: SteppedClock;
  readonly stop: AbortController;
  readonly loaded: readonly string[];
  readonly ended: Promise<ReplayResult>;
} {
  const clock = new SteppedClock();
  const stop = new AbortController();
  const loaded: string[] = [];
  const replay = new Replay({
    store: {
      read: async (keys) => keys.map((key) => ({ ...key, sealed: Buffer.alloc(0), attempt: 1, quarantinedAtMs: 0 })),
      write: async ({ rows: { deliveries } }) => {
        loaded.push(...deliveries.map(({ handle }) => handle));
        return { loaded: deliveries.length, duplicate: 0, refused: [], gone: 0 };
      },
    },
    open: async ({ id, sentAtMs }): Promise<Delivery> => ({
      id,
      handle: id,
      body: "{}",
      sentAtMs,
      receivedAtMs: 0,
      groupId: null,
      attributes: {},
      attempt: 1,
    }),
    prepare: async (deliveries) => ({ rows: { deliveries, ids: deliveries.map(({ id }) => id), columns: [] }, refused: [] }),
    renewKeys: async () => false,
    messagesPerSecond,
    clock,
    stop: stop.signal,
    report: () => {},
  });
  return { clock, stop, loaded, ended: replay.run(selected) };
}

suite("a replay", () => {
  test("keeps to its rate, and loads each message once", async () => {
    const { clock, loaded, ended } = replaying(10);
    for (const [passMs, have] of [
      [0, 10],
      [999, 10],
      [1, 20],
      [999, 20],
      [1, 25],
    ] as const) {
      await clock.pass(passMs);
      assert.equal(loaded.length, have, `at ${clock.now()} ms`);
    }
    assert.equal((await ended).complete, true);
    assert.deepEqual(
      loaded,
      selected.map(({ id }) => id),
    );
  });

  test("without a rate does not wait", async () => {
    const { clock, ended } = replaying(Infinity);
    assert.equal((await ended).loaded, 25);
    assert.equal(clock.now(), 0);
  });

  test("stops between two batches, and says that it is not at its end", async () => {
    const { clock, stop, loaded, ended } = replaying(10);
    await clock.pass(0);
    stop.abort();
    const { complete, loaded: counted } = await ended;
    assert.deepEqual([complete, counted, loaded.length], [false, 10, 10]);
  });
});

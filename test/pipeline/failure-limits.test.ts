import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import { countWindow, crossedLimit, type Effect, type FailureLimits } from "../../src/pipeline/failure-limits.ts";

const effect: fc.Arbitrary<Effect> = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.nat(12))
  .map(([messages, quarantined]) => ({ messages, quarantined: Math.min(messages, quarantined) }));
const loads = fc.tuple(effect, fc.array(effect, { maxLength: 12 }), fc.integer({ min: 1, max: 40 }));

function limits(parts: Partial<FailureLimits>): FailureLimits {
  return { refused: null, share: null, window: 1_000, ...parts };
}

suite("the window of the failure budget", () => {
  test("of loads of one message each it counts the newest messages exactly", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (bad, window) => {
        const [batch, ...before] = bad.map((one): Effect => ({ messages: 1, quarantined: one ? 1 : 0 }));
        const newest = bad.slice(0, window);
        const { seen, refused } = countWindow(batch as Effect, before, window);
        assert.deepEqual([seen, refused], [newest.length, newest.filter(Boolean).length]);
      }),
    );
  });

  test("it holds the whole batch at hand and as many messages before it as fit", () => {
    fc.assert(
      fc.property(loads, ([batch, before, window]) => {
        const all = [batch, ...before].reduce((sum, { messages }) => sum + messages, 0);
        assert.equal(countWindow(batch, before, window).seen, Math.min(all, Math.max(window, batch.messages)));
      }),
    );
  });

  test("it says of each load what can be true of the part that lies within, and all of what lies within wholly", () => {
    fc.assert(
      fc.property(loads, ([batch, before, window]) => {
        const { refused, byLoad } = countWindow(batch, before, window);
        let room = window - batch.messages;
        byLoad.slice(1).forEach((counted, place) => {
          const { messages, quarantined } = before[place] as Effect;
          const within = Math.min(messages, room);
          room -= messages;
          const good = messages - quarantined;
          assert.ok(counted <= Math.min(quarantined, within) && counted >= Math.max(0, within - good), "possible");
          if (within === messages) assert.equal(counted, quarantined);
        });
        assert.equal(
          refused,
          byLoad.reduce((sum, one) => sum + one),
        );
        assert.equal(byLoad[0], batch.quarantined);
      }),
    );
  });

  test("a load that reaches out of the window does not bring all of its refused messages along", () => {
    // 1.5 of 100, as in the sample: 31 among 1,999, of which the window holds 1,000
    const batch: Effect = { messages: 999, quarantined: 15 };
    assert.equal(countWindow(batch, [{ messages: 1_000, quarantined: 16 }], 1_000).refused, 15);
    assert.equal(countWindow({ messages: 500, quarantined: 8 }, [{ messages: 1_000, quarantined: 15 }], 1_000).refused, 15);
  });
});

suite("the limits", () => {
  test("a count is crossed by one more than it allows, in a window of whatever size", () => {
    for (const seen of [1, 30, 1_000]) {
      assert.equal(crossedLimit({ refused: 30, seen }, limits({ refused: 30 })), null);
      assert.equal(crossedLimit({ refused: 31, seen }, limits({ refused: 30 })), "refused");
    }
    assert.equal(crossedLimit({ refused: 1, seen: 1 }, limits({ refused: 0 })), "refused");
  });

  test("a share is crossed in a full window only", () => {
    const share = limits({ share: 0.05, window: 100 });
    assert.equal(crossedLimit({ refused: 99, seen: 99 }, share), null);
    assert.equal(crossedLimit({ refused: 5, seen: 100 }, share), null);
    assert.equal(crossedLimit({ refused: 6, seen: 100 }, share), "share");
  });

  test("exactly the share that is allowed is allowed, whatever binary fractions make of it", () => {
    for (let percent = 0; percent < 100; percent += 1) {
      const share = limits({ share: Number(`0.${String(percent).padStart(2, "0")}`), window: 100 });
      assert.equal(crossedLimit({ refused: percent, seen: 100 }, share), null, `${percent} %`);
      assert.equal(crossedLimit({ refused: percent * 10 + 1, seen: 1_000 }, share), "share");
    }
  });

  test("null is no limit", () => {
    assert.equal(crossedLimit({ refused: 1_000, seen: 1_000 }, limits({})), null);
  });
});

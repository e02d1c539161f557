import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import { Pace } from "../../../src/sources/sqs/pace.ts";

/** After so many full answers, each of which took so long. */
function after(pace: Pace, answers: number, tookMs: number): Pace {
  for (let answer = 0; answer < answers; answer += 1) pace.answered(10, 10, tookMs);
  return pace;
}

suite("calls at once", () => {
  test("are one at first, and as many as round trips ask for while answers come back full", () => {
    assert.equal(new Pace(64).width, 1);
    assert.equal(after(new Pace(64), 10, 0.5).width, 8);
    assert.equal(after(new Pace(64), 10, 5).width, 30);
    assert.equal(after(new Pace(64), 10, 20).width, 64);
  });

  test("are not more because calls stand in line, and are when the way to the queue has become longer", () => {
    const pace = after(new Pace(64), 10, 0.5);
    for (let stall = 0; stall < 500; stall += 1) after(after(pace, 1, 15), 3, 0.5);
    assert.equal(pace.width, 8);
    assert.equal(after(pace, 300, 20).width, 64);
    assert.equal(after(pace, 1, 0.5).width, 8);
  });

  test("are never more than allowed, and one at least", () => {
    const answer = fc.record({
      messages: fc.integer({ min: 0, max: 10 }),
      tookMs: fc.option(fc.double({ min: 0, max: 500, noNaN: true })),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 128 }), fc.array(answer), (most, answers) => {
        const pace = new Pace(most);
        for (const { messages, tookMs } of answers) {
          pace.answered(10, messages, tookMs);
          assert.ok(pace.width >= 1 && pace.width <= most && pace.mostCalls <= most);
        }
      }),
    );
  });
});

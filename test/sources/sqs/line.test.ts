import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Line } from "../../../src/sources/sqs/line.ts";

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 50 }) }) },
  { weight: 1, arbitrary: fc.record({ leave: fc.integer({ min: 1, max: 5 }) }) },
);

test("a line is a list whose first leave first, whatever comes and goes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const line = new Line<number>();
      let model: number[] = [];
      let next = 0;
      for (const one of steps) {
        if ("push" in one) {
          for (let count = 0; count < one.push; count += 1) {
            line.push(next);
            model.push(next);
            next += 1;
          }
        } else if ("take" in one) {
          assert.deepEqual(line.take(one.take), model.splice(0, one.take));
        } else {
          const goes = (entry: number): boolean => entry % one.leave === 0;
          assert.deepEqual(line.takeOut(goes), model.filter(goes));
          model = model.filter((entry) => !goes(entry));
        }
        assert.equal(line.length, model.length);
        assert.deepEqual(
          Array.from({ length: line.length + 1 }, (_, place) => line.at(place)),
          [...model, undefined],
        );
      }
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { readCondition } from "../../src/cli/conditions.ts";
import { MasklineError } from "../../src/errors.ts";
import { operators } from "../../src/postgres/recovery/token-selection.ts";

test("a condition is a column, an operator and, to the end, the value it is compared with", () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ["user_id=u-17", "user_id", "=", "u-17"],
    ["user_id = a=b ", "user_id", "=", "a=b "],
    ["day>=2026-11-20", "day", ">=", "2026-11-20"],
    ["day < 2026-11-20", "day", "<", "2026-11-20"],
    ["n!=1", "n", "!=", "1"],
    ["locale LIKE e%", "locale", "like", "e%"],
    ['"User Id"=1', "User Id", "=", "1"],
    ['"a""b=" <= x', 'a"b=', "<=", "x"],
    ["user_id=", "user_id", "=", ""],
  ];
  for (const [text, column, operator, value] of cases) assert.deepEqual(readCondition(text), { column, operator, value });
});

test("whatever is written, it is one of the operators on a name, or a usage error without what was written", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        const { column, operator, value } = readCondition(text);
        assert.ok(operators.includes(operator));
        assert.ok(column !== "" && text.includes(value));
      } catch (error) {
        assert.ok(error instanceof MasklineError && error.code === "usage");
        assert.equal(error.message, "--where was not understood");
      }
    }),
  );
});

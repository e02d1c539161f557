import assert from "node:assert/strict";
import { test } from "node:test";

import { fittedTable } from "../../src/cli/fitted-table.ts";
import type { TableColumn } from "../../src/cli/table.ts";

type Row = readonly [string, string | null];
const columns: readonly TableColumn<Row>[] = [
  { title: "user", value: ([user]) => user },
  { title: "token", value: ([, token]) => token },
];
const token = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(2);
const rows: readonly Row[] = [
  ["ann", token],
  ["bob", null],
];

test("where there is no terminal nothing is cut", () => {
  assert.deepEqual(fittedTable(columns, rows, null), ["user  token", `ann   ${token}`, "bob   -"]);
});

test("on a terminal long values are cut as far as that needs, and no line is too long", () => {
  assert.deepEqual(fittedTable(columns, rows, 40), ["user  token", "ann   abcdefghijklmno...wxyz0123456789", "bob   -"]);
  for (const width of [20, 30, 60, 80, 200]) {
    for (const line of fittedTable(columns, rows, width)) assert.ok(line.length <= width, `${line} in ${width}`);
  }
});

test("where the columns cannot stand side by side, each row is a block", () => {
  assert.deepEqual(fittedTable(columns, rows, 17), ["user   ann", "token  abcd...789", "", "user   bob", "token  -"]);
});

test("what somebody is going to copy is never cut", () => {
  const [user, cut] = columns as [TableColumn<Row>, TableColumn<Row>];
  const whole = [user, { ...cut, width: Infinity, whole: true }];
  for (const width of [20, 80, 200]) assert.ok(fittedTable(whole, rows, width).join("\n").includes(token), `in ${width}`);
});

test("a value cannot draw on the terminal", () => {
  const evil: readonly Row[] = [["\u001B[31mred", "\u009B31m\r\n"]];
  for (const width of [null, 80, 8]) assert.doesNotMatch(fittedTable(columns, evil, width).join(""), /\p{Cc}/u);
});

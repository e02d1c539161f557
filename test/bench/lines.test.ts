import { test } from "node:test";

import { makeEntries } from "../../bench/entry.ts";
import { linePlans } from "../../bench/line-plans.ts";

for (const { name, prove } of makeEntries(linePlans)) {
  test(`the benchmark's ${name}: from bytes come the rows that JSON.parse and the check make`, prove);
}

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { grantsTable } from "../../src/cli/reference/grants-table.ts";
import { databaseRoles } from "../../src/postgres/recovery/grants.ts";
import { policyActions } from "../../src/postgres/recovery/policy.ts";

const page = path.join(import.meta.dirname, "../../docs/recovery.md");
const update = "UPDATE_RIGHTS=1 node --test test/cli/recovery-page.test.ts";
const [opening, closing] = ["<!-- rights -->", "<!-- /rights -->"];

test("the page's table of rights is what the roles are given", () => {
  const text = readFileSync(page, "utf8");
  const [before, rest = ""] = text.split(`${opening}\n`);
  const [, after = ""] = rest.split(`${closing}\n`);
  const right = `${before}${opening}\n${grantsTable()}\n${closing}\n${after}`;
  if (process.env["UPDATE_RIGHTS"] === "1") writeFileSync(page, right);
  assert.equal(readFileSync(page, "utf8"), right, `the table is not that of src/postgres/recovery/grants.ts: ${update}`);
});

test("the page speaks of every role and of every action of the policy", () => {
  const text = readFileSync(page, "utf8");
  for (const word of [...databaseRoles.map(({ name }) => name), ...policyActions]) assert.ok(text.includes(`\`${word}\``), word);
});

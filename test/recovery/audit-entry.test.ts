import assert from "node:assert/strict";
import { test } from "node:test";

import { auditKeys } from "../../src/keys/audit-keys.ts";
import { readEntry } from "../../src/recovery/audit-reading.ts";
import { canonicalJson } from "../../src/recovery/canonical-json.ts";
import { auditChain } from "../harness/audit-chain.ts";
import { ringOf, root } from "../keys/rings.ts";

const arn = "arn:aws:sts::123456789012:assumed-role/privacy/jane";

test("an entry tells the principal that AWS names, or that there is none", () => {
  const keys = auditKeys(ringOf(root(0x200)));
  for (const principal of [arn, null]) {
    const [row] = auditChain(keys, [{ principal }]);
    assert.ok(row);
    const entry = readEntry(row.entry);
    assert.equal(entry?.principal, principal);
    assert.equal(entry?.actor, "officer", "and the actor beside it");
    assert.ok(row.entry.includes(`,"principal":${JSON.stringify(principal)},`), "one spelling, as canonical JSON has it");
  }
});

test("a text that does not tell the principal, or not as a text, is no entry", () => {
  const keys = auditKeys(ringOf(root(0x200)));
  const [row] = auditChain(keys, [{ principal: arn }]);
  const members = JSON.parse(row?.entry ?? "") as Record<string, string>;
  assert.notEqual(readEntry(canonicalJson(members)), null);
  const { principal, ...without } = members;
  assert.equal(principal, arn);
  assert.equal(readEntry(canonicalJson(without)), null);
  for (const other of [1, true, [arn], { arn }]) assert.equal(readEntry(canonicalJson({ ...members, principal: other })), null);
});

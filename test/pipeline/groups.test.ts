import assert from "node:assert/strict";
import { test } from "node:test";

import { holdsGroups } from "../../src/pipeline/groups.ts";
import type { Delivery } from "../../src/pipeline/ports.ts";
import { makeDelivery } from "../harness/login-table.ts";

function inGroups(...groups: readonly (string | null)[]): Delivery[] {
  return groups.map((groupId, place) => makeDelivery({ id: `${place}`, groupId }));
}

function heldBy(deliveries: readonly Delivery[], refused: readonly number[]): readonly string[] {
  return holdsGroups(deliveries)(refused.map((place) => deliveries[place] as Delivery)).map(({ id }) => id);
}

test("a refused message holds back itself and what stands behind it in its group, and nobody else", () => {
  const deliveries = inGroups("a", "b", "a", "a", "b", "c");
  assert.deepEqual(heldBy(deliveries, [2]), ["2", "3"]);
  assert.deepEqual(heldBy(deliveries, [2, 1]), ["1", "2", "3", "4"]);
  assert.deepEqual(heldBy(deliveries, []), []);
});

test("messages without a group are no group of their own", () => {
  assert.deepEqual(heldBy(inGroups(null, null, "a"), [0]), []);
});

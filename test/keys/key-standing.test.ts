import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { anchorOf, type KeyStanding, mayDrain, mayHaveRows, primaryOf, type Standing } from "../../src/keys/key-standing.ts";

function keys(...standings: readonly Standing[]): readonly KeyStanding[] {
  return standings.map((standing, index) => ({ id: index + 1, standing }));
}

test("the newest open key is the primary, the oldest that rows may be under the anchor", () => {
  const some = keys("destroyed", "drained", "closed", "open", "open", "closed");
  assert.equal(primaryOf(some), 5);
  assert.equal(anchorOf(some), 3);
  assert.deepEqual([primaryOf([]), anchorOf([])], [null, null]);
});

test("a key is drained when it is not the anchor, or when only one other is left", () => {
  const three = keys("closed", "closed", "open");
  assert.equal(mayDrain(three, [2]), true);
  assert.equal(mayDrain(three, [1]), false, "equal values would stand under 2 and 3, and nothing would say so");
  assert.equal(mayDrain(three, [1, 2]), true);
  assert.equal(mayDrain(keys("open", "open"), [1]), true, "whoever calls has closed it first");
});

type Step = { readonly kind: "announce" | "load" | "rekey" | "close" | "drain"; readonly pick: number; readonly value: number };

/**
 * A database in a few lines: rows are a value under a key, an alias says that a token has one of the anchor's to stand for it.
 * Plays steps of processes that do not know of each other, and says whether equal values were ever taken for unequal.
 */
function holds(steps: readonly Step[], drains: typeof mayDrain): boolean {
  const standing: { id: number; standing: Standing }[] = [{ id: 1, standing: "open" }];
  const rows: { key: number; value: number }[] = [];
  const aliases = new Set<string>();
  const write = (key: number, value: number): void => {
    if (key !== anchorOf(standing)) aliases.add(`${anchorOf(standing)} ${key} ${value}`);
  };
  const stands = ({ key, value }: { key: number; value: number }): string =>
    aliases.has(`${anchorOf(standing)} ${key} ${value}`) ? `${anchorOf(standing)} ${value}` : `${key} ${value}`;
  const pickFrom = <T>(list: readonly T[], pick: number): T | undefined => list[pick % Math.max(1, list.length)];

  for (const { kind, pick, value } of steps) {
    const primary = primaryOf(standing) as number;
    if (kind === "announce") standing.push({ id: standing.length + 1, standing: "open" });
    if (kind === "load") {
      // any process, with a ring as old as may be: the guard lets open keys through
      const key = pickFrom(
        standing.filter((one) => one.standing === "open"),
        pick,
      )?.id as number;
      write(key, value);
      rows.push({ key, value });
    }
    if (kind === "rekey") {
      const row = pickFrom(
        rows.filter(({ key }) => key !== primary),
        pick,
      );
      if (row !== undefined) {
        write(primary, row.value);
        row.key = primary;
      }
    }
    if (kind === "close") {
      const key = pickFrom(
        standing.filter((one) => one.standing === "open" && one.id !== primary),
        pick,
      );
      if (key !== undefined) key.standing = "closed";
    }
    if (kind === "drain") {
      const empty = standing
        .filter((one) => one.standing === "closed" && !rows.some(({ key }) => key === one.id))
        .map(({ id }) => id);
      const drained = pick % 2 === 0 ? empty : empty.slice(0, 1);
      if (drains(standing, drained)) for (const one of standing) if (drained.includes(one.id)) one.standing = "drained";
    }
    if (new Set(rows.map(stands)).size !== new Set(rows.map((row) => row.value)).size) return false;
  }
  return standing.some(mayHaveRows);
}

const step = fc.record<Step>({
  kind: fc.constantFrom("announce", "load", "load", "load", "rekey", "rekey", "rekey", "close", "drain", "drain"),
  pick: fc.nat(20),
  value: fc.nat(2),
});
const plays = fc.array(step, { maxLength: 60, size: "max" });

test("whatever processes do and in whatever order, equal values stay equal and unequal ones unequal", () => {
  fc.assert(
    fc.property(plays, (steps) => holds(steps, mayDrain)),
    { numRuns: 2_000 },
  );
});

test("that law fails when the anchor is drained too early", () => {
  const found = fc.check(
    fc.property(plays, (steps) => holds(steps, () => true)),
    { numRuns: 20_000 },
  );
  assert.equal(found.failed, true);
});

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";

import { plainBacklog } from "../../bench/load-queue/backlog.ts";
import { Place } from "../../bench/rig/place.ts";
import { maskline } from "../../bench/rig/programs.ts";
import { type QueueRunPlan, runQueue } from "../../bench/rig/queue-run.ts";

const program = path.join(import.meta.dirname, "broken-consumer.ts");
const plan = (way: string): QueueRunPlan => ({
  backlog: { ...plainBacklog, messages: 100 },
  warmUp: 10,
  latencyMs: 0,
  program: { command: [process.execPath, program, way] },
  leaves: "hashes",
  withCheck: false,
  pollers: 1,
});

test("a run counts when its result is what was sent, and not when it is not", { timeout: 240_000 }, async (t) => {
  await Place.with(async (place) => {
    await t.test("of a consumer that is right", async () => {
      const figures = await runQueue(place, plan("right"));
      assert.equal(figures.messages, 90);
      for (const [name, figure] of Object.entries(figures)) assert.ok(figure >= 0 && Number.isFinite(figure), name);
    });
    for (const [way, says] of [
      ["loses", /1 rows lost, 0 too many, 0 that nobody sent/],
      ["doubles", /0 rows lost, 1 too many/],
      ["invents", /1 rows lost, 0 too many, 1 that nobody sent/],
      ["unmasked", /a value is not masked/],
      ["ends early", /ended before the queue was empty: exit 0/],
    ] as const) {
      await t.test(`of one that ${way}`, async () => {
        await assert.rejects(runQueue(place, plan(way)), says);
      });
    }
    await t.test("of one whose rows hold hashes where tokens have to open", async () => {
      await assert.rejects(runQueue(place, { ...plan("right"), leaves: "tokens" }), /the address's token does not open to it/);
    });
    await t.test("of one without receipts and ledger, where an account is asked for", async () => {
      await assert.rejects(
        runQueue(place, { ...plan("right"), leaves: "account" }),
        /the address's token does not open to it|the account does not close/,
      );
    });
    await t.test("of one without receipts, where messages come twice", async () => {
      const backlog = { ...plainBacklog, messages: 100, duplicates: 0.3 };
      await runQueue(place, { ...plan("right"), backlog });
      await assert.rejects(runQueue(place, { ...plan("right"), backlog, leaves: "account" }), /0 rows lost, \d+ too many/);
    });
    await t.test("of maskline, with refused rows, broken bodies and duplicates among them", async () => {
      const own = await maskline(place, { kind: "login", lines: "limits: { refused: 1000, share: 1 }\n" }, "run");
      const backlog = { ...plainBacklog, messages: 600, duplicates: 0.05, broken: 0.03, refused: 0.03 };
      const figures = await runQueue(place, {
        ...plan("right"),
        backlog,
        program: own,
        leaves: "account",
        withCheck: true,
      });
      assert.ok(figures.startUpMs > 0 && figures.peakMegabytes > 10);
    });
    await t.test("of maskline, with 40 columns", async () => {
      const own = await maskline(place, { kind: "columns40" }, "run");
      const backlog = { ...plainBacklog, messages: 200, kind: "columns40" } as const;
      await runQueue(place, { ...plan("right"), backlog, program: own, leaves: "account" });
    });
  });
});

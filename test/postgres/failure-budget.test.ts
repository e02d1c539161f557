import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";
import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { FailureLimits } from "../../src/pipeline/failure-limits.ts";
import type { Delivery, LedgerPosition, Refusal, Settlement, Sink } from "../../src/pipeline/ports.ts";
import type { Database, Query } from "../../src/postgres/database.ts";
import { FailureBudget } from "../../src/postgres/failure-budget.ts";
import { findTrip, listTrips, resumeTrip, type Trip } from "../../src/postgres/trips.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, loginSinkOn, makeBatch, makeDelivery, makeRows, openLoginSink, outcomesOf } from "../harness/login-table.ts";
import { otherwise, plainClient, untilWaiting } from "./databases.ts";

type MakeBudget = (database: Database, schema: string, pipeline: number, limits: FailureLimits) => FailureBudget;
const trueBudget: MakeBudget = (...parts) => new FailureBudget(...parts);

/** Counts every delivery of a refused message, not every message: what must not be. */
class DeliveryBudget extends FailureBudget {
  override async spend(query: Query, at: LedgerPosition, refused: readonly Refusal[]): Promise<void> {
    return super.spend(query, at, refused, { messages: refused.length, refused });
  }
}

/** One process of a pipeline with these limits. */
class Process {
  readonly run: string = randomUUID();
  readonly #sink: Sink;
  #sequence = 0;
  #received = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  static async start(
    database: Database,
    pipeline: string,
    parts: Partial<FailureLimits>,
    make: MakeBudget = trueBudget,
  ): Promise<Process> {
    const limits = { refused: null, share: null, window: 1_000, ...parts };
    const budget = (...place: [Database, string, number]): FailureBudget => make(...place, limits);
    return new Process(await loginSinkOn(database, "maskline", { pipeline, budget }));
  }

  async load(
    good: readonly Delivery[],
    bad: readonly Delivery[],
    kind: Partial<Refusal["faults"][0]> = {},
  ): Promise<readonly Settlement[]> {
    this.#sequence += 1;
    this.#received += good.length + bad.length;
    const refused = bad.map((delivery) => refusal(delivery, kind));
    const at = { run: this.run, sequence: this.#sequence, received: this.#received };
    return this.#sink.load(makeBatch(makeRows(good), refused, at));
  }
}

let pipelines = 0;
/** A pipeline that nothing has been loaded into. */
function freshPipeline(): string {
  pipelines += 1;
  return `pipeline ${pipelines}`;
}

for (const engine of postgresServers()) {
  suite(`the failure budget on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    before(async () => {
      server = await engine.start();
      database = connect(server.url, 12);
      admin = await plainClient(server.url);
      await openLoginSink(database);
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    /** What stands in the database of a pipeline, to see that nothing more does. */
    async function held(pipeline: string): Promise<readonly number[]> {
      const { rows } = await admin.query<Record<string, number>>(
        `SELECT (SELECT count(*) FROM maskline.receipt WHERE pipeline = number)::int AS receipts,
                (SELECT count(*) FROM maskline.quarantine WHERE pipeline = number)::int AS quarantined,
                (SELECT count(*) FROM maskline.ledger WHERE pipeline = number)::int AS loads,
                (SELECT count(*) FROM maskline.ledger_reason)::int AS reasons,
                (SELECT count(*) FROM user_logins)::int AS rows
         FROM maskline.pipeline WHERE name = $1`,
        [pipeline],
      );
      return Object.values(rows[0] ?? {});
    }

    async function tripOf(pipeline: string): Promise<Trip> {
      const trip = await findTrip(database, "maskline", pipeline);
      assert.ok(trip, "the trip is stored");
      return trip;
    }

    test("a batch that would cross the count leaves nothing behind; what it would have come to is stored and told", async () => {
      const pipeline = freshPipeline();
      const process = await Process.start(database, pipeline, { refused: 5 });
      await process.load(some(3), some(4));
      await process.load(some(2), some(1), { reason: "not_json", path: "" });
      const before = await held(pipeline);
      const error = await spent(process.load(some(4), some(2), { reason: "too_long", path: "user_id" }));
      assert.deepEqual(await held(pipeline), before);

      const trip = await tripOf(pipeline);
      assert.deepEqual([trip.refused, trip.seen, trip.run, trip.resumedAt], [7, 16, process.run, null]);
      assert.deepEqual(trip.limits, { refused: 5, share: null, window: 1_000 });
      assert.match(error.message, /^too many messages were refused: 7 of the newest 16, and limits\.refused allows 5; /);
      assert.ok(error.message.includes(`pipeline ${pipeline} stands still since ${trip.trippedAt.toISOString().slice(0, 10)}`));
      assert.deepEqual(error.details, ["4 x missing, ip", "2 x too_long, user_id", "1 x not_json"]);
      assert.match(error.next ?? "", /maskline preview -n 10 .*maskline resume --reason/);
      assert.equal(error.exitCode, 6);
    });

    test("exactly as many as are allowed are allowed", async () => {
      const process = await Process.start(database, freshPipeline(), { refused: 5 });
      assert.deepEqual(outcomesOf(await process.load(some(1), some(5))), { loaded: 1, quarantined: 5 });
      await spent(process.load([], some(1)));
      const strict = await Process.start(database, freshPipeline(), { refused: 0 });
      await strict.load(some(5), []);
      await spent(strict.load(some(5), some(1)));
    });

    test("a share counts once the window is full, and old messages leave it", async () => {
      const pipeline = freshPipeline();
      const process = await Process.start(database, pipeline, { share: 0.2, window: 20 });
      await process.load(some(2), some(8));
      await process.load(some(9), []);
      const error = await spent(process.load(some(1), some(1)));
      assert.match(error.message, /: 8 of the newest 20, and limits\.share allows 0\.2 of them; /);
      const other = await Process.start(database, freshPipeline(), { share: 0.2, window: 20 });
      await other.load(some(4), some(4));
      await other.load(some(10), []);
      await other.load(some(5), some(1));
      await other.load(some(10), some(2));
    });

    test("whatever the sequence, a load is refused exactly when a simple model says so", async () => {
      const size = fc.nat(5);
      const step = fc.oneof(
        { weight: 8, arbitrary: fc.record({ good: size, bad: size, again: size }) },
        { weight: 1, arbitrary: fc.constant("resume" as const) },
      );
      const limit = fc.record({
        refused: fc.option(fc.nat(12)),
        share: fc.option(fc.constantFrom(0, 0.1, 0.25, 0.5)),
        window: fc.integer({ min: 4, max: 30 }),
      });
      const property = fc.asyncProperty(limit, fc.array(step, { minLength: 1, maxLength: 14 }), async (limits, steps) => {
        const pipeline = freshPipeline();
        const process = await Process.start(database, pipeline, limits);
        const known: { good: Delivery[]; bad: Delivery[] } = { good: [], bad: [] };
        let loads: (readonly boolean[])[] = [];
        let still = false;
        for (const one of steps) {
          if (one === "resume") {
            assert.equal((await resumeTrip(database, "maskline", pipeline, "test")) !== null, still);
            if (still) loads = [];
            still = false;
            continue;
          }
          const [good, bad] = [some(one.good), some(one.bad)];
          const effect = [...good.map(() => false), ...bad.map(() => true)];
          const crosses = still || (bad.length > 0 && modelCrosses([effect, ...loads], limits));
          const attempt = process.load([...good, ...known.good.slice(0, one.again)], [...bad, ...known.bad.slice(-one.again)]);
          if (crosses) {
            await spent(attempt);
            still = true;
            continue;
          }
          const counts = outcomesOf(await attempt);
          assert.deepEqual([counts.loaded ?? 0, counts.quarantined ?? 0], [good.length, bad.length]);
          loads = [effect, ...loads];
          known.good.push(...good);
          known.bad.push(...bad);
        }
        assert.equal((await findTrip(database, "maskline", pipeline)) !== null, still);
      });
      await fc.assert(property, { numRuns: 60 });
    });

    const countsOnce = async (make: MakeBudget): Promise<void> => {
      const pipeline = freshPipeline();
      const process = await Process.start(database, pipeline, { refused: 5 }, make);
      const bad = some(4);
      await process.load([], bad);
      for (let again = 2; again < 5; again += 1) {
        const settlements = await process.load(
          some(1),
          bad.map((delivery) => ({ ...delivery, attempt: again, handle: `${again}` })),
        );
        assert.deepEqual(outcomesOf(settlements), { loaded: 1, duplicate: 4 });
      }
      await process.load([], [...bad, ...some(1)]);
    };

    test("a refused message counts once, however often it is delivered", () => countsOnce(trueBudget));

    test("a budget that counts deliveries is caught by that", async () => {
      await assert.rejects(
        countsOnce((...parts) => new DeliveryBudget(...parts)),
        (error) => isSpent(error),
      );
    });

    test("the other processes stop at their next load, clean or not, and a start is refused in the same words", async () => {
      const pipeline = freshPipeline();
      const limits = { refused: 3 };
      const [first, other] = [await Process.start(database, pipeline, limits), await Process.start(database, pipeline, limits)];
      await other.load(some(2), some(2));
      const error = await spent(first.load([], some(2)));
      const before = await held(pipeline);
      for (const [good, bad] of [
        [some(5), []],
        [[], some(1)],
        [[], []],
      ] as const) {
        assert.equal((await spent(other.load(good, bad))).message, error.message);
      }
      assert.deepEqual(await held(pipeline), before);
      const number = await numberOf(pipeline);
      const unlimited = new FailureBudget(database, "maskline", number, { refused: null, share: null, window: 1_000 });
      const start = await spent(unlimited.requireUntripped());
      assert.deepEqual([start.message, start.details, start.next], [error.message, error.details, error.next]);
      const elsewhere = await Process.start(database, freshPipeline(), limits);
      assert.deepEqual(outcomesOf(await elsewhere.load(some(1), some(3))), { loaded: 1, quarantined: 3 }, "other pipelines go on");
    });

    test("a resumed pipeline goes on with a new window, and trips on the same messages until they or the limit have changed", async () => {
      const pipeline = freshPipeline();
      const process = await Process.start(database, pipeline, { refused: 3 });
      await process.load(some(1), some(3));
      const bad = some(5);
      await spent(process.load([], bad));
      const resumed = await resumeTrip(database, "maskline", pipeline, "fixed, we think");
      assert.deepEqual([resumed?.resumeReason, resumed?.resumedBy, resumed?.refused], ["fixed, we think", "postgres", 8]);
      assert.equal(await resumeTrip(database, "maskline", pipeline, "again"), null);
      await process.load(some(1), bad.slice(0, 3));
      assert.match((await spent(process.load(some(1), bad))).message, /: 5 of the newest 7, /);
      await resumeTrip(database, "maskline", pipeline, "they are as they are");
      const raised = await Process.start(database, pipeline, { refused: 5 });
      assert.deepEqual(outcomesOf(await raised.load(some(1), bad)), { loaded: 1, duplicate: 3, quarantined: 2 });
      const trips = await listTrips(database, "maskline", pipeline, 10);
      assert.deepEqual(
        trips.map(({ resumeReason }) => resumeReason),
        ["they are as they are", "fixed, we think"],
      );
    });

    test("rows that the database refuses count like any other", async () => {
      await admin.query("ALTER TABLE user_logins ADD CONSTRAINT no_bots CHECK (user_id NOT LIKE 'bot-%')");
      try {
        const process = await Process.start(database, freshPipeline(), { refused: 3 });
        const bots = Array.from({ length: 6 }, (_, n) => makeDelivery({ id: `bot-${pipelines}-${n}` }));
        assert.deepEqual(outcomesOf(await process.load([...some(2), ...bots.slice(0, 2)], some(1))), { loaded: 2, quarantined: 3 });
        const error = await spent(process.load([...some(2), ...bots.slice(2)], []));
        assert.deepEqual(error.details, ["6 x refused_by_database", "1 x missing, ip"]);
      } finally {
        await admin.query("ALTER TABLE user_logins DROP CONSTRAINT no_bots");
      }
    });

    test("two batches that cross only together are counted one after the other", async () => {
      const pipeline = freshPipeline();
      const sharers = [
        await Process.start(database, pipeline, { refused: 5 }),
        await Process.start(database, pipeline, { refused: 5 }),
      ];
      const number = await numberOf(pipeline);
      // both have written, and neither has been counted
      await admin.query("BEGIN");
      await admin.query("SELECT pg_advisory_xact_lock(714521033, $1)", [number]);
      const loading = sharers.map((process) => process.load(some(2), some(3)));
      const watcher = await plainClient(server.url);
      try {
        await untilWaiting(watcher, 2, loading);
        // a batch without refused messages waits for nobody, nor do those of another pipeline
        const clean = await Process.start(database, pipeline, { refused: 5 });
        assert.deepEqual(outcomesOf(await clean.load(some(1), [])), { loaded: 1 });
        const other = await Process.start(database, freshPipeline(), { refused: 5 });
        assert.deepEqual(outcomesOf(await other.load([], some(1))), { quarantined: 1 });
      } finally {
        await admin.query("COMMIT");
        await watcher.end();
      }
      const ends = await Promise.allSettled(loading);
      assert.deepEqual(ends.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
      const [trip] = await listTrips(database, "maskline", pipeline, 10);
      assert.deepEqual([trip?.refused, trip?.seen], [6, 11]);
    });

    test("however many processes load at once, never more are quarantined than the limit, and there is one trip", async () => {
      const pipeline = freshPipeline();
      const limit = 23;
      const processes = await Promise.all(Array.from({ length: 8 }, () => Process.start(database, pipeline, { refused: limit })));
      const shared = some(40);
      const lanes = processes.map(async (process, lane) => {
        for (let turn = 0; ; turn += 1) {
          // half of what is refused comes to several of them at once, and in another order
          const bad = [...shared.slice(turn * 2, turn * 2 + 4), ...some(lane % 2)];
          await process.load(some(3), lane % 3 === 0 ? bad.reverse() : bad);
        }
      });
      const ends = await Promise.allSettled(lanes);
      for (const end of ends)
        assert.ok(end.status === "rejected" && isSpent(end.reason), String(end.status === "rejected" && end.reason));
      const [, quarantined = 0] = await held(pipeline);
      assert.ok(quarantined <= limit && quarantined > limit - 6, `${quarantined}`);
      assert.equal((await listTrips(database, "maskline", pipeline, 10)).length, 1);
    });

    test("small loads in a large window are all looked at, and of a load at its edge the part within", async () => {
      const pipeline = freshPipeline();
      const process = await Process.start(database, pipeline, { refused: 700, window: 1_500 });
      const number = await numberOf(pipeline);
      const past = async (loads: number, loaded: number, quarantined: number): Promise<void> =>
        void (await admin.query(
          `INSERT INTO maskline.ledger (run, lane, sequence, pipeline, received, loaded, duplicate, quarantined, returned, recorded_at)
           SELECT gen, 0, n, $1, 0, $3, 0, $4, 0, clock_timestamp() + n * interval '1 us'
           FROM (SELECT $5::uuid AS gen) AS run, generate_series(1, $2) AS n`,
          [number, loads, loaded, quarantined, randomUUID()],
        ));
      await past(1, 900, 100);
      await past(650, 0, 1);
      // 650 + 1 in loads of their own, and 84.9 of the 100: 1,500 - 651 of 1,000 messages
      const error = await spent(process.load([], some(1)));
      assert.match(error.message, /: 735 of the newest 1500, /);
      assert.deepEqual(error.details, ["734 x not noted", "1 x missing, ip"]);
    });

    test("where the trip cannot be stored, the run stops all the same and says so", async () => {
      await admin.query(
        `DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN PASSWORD 'limited';
         GRANT USAGE ON SCHEMA maskline TO limited; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA maskline TO limited;
         REVOKE INSERT ON maskline.trip FROM limited; GRANT INSERT ON user_logins TO limited`,
      );
      const limited = connect(otherwise(server.url, { user: "limited", password: "limited" }));
      try {
        const pipeline = freshPipeline();
        const process = await Process.start(limited, pipeline, { refused: 1 });
        const error = await spent(process.load(some(1), some(2)));
        assert.match(error.message, /could not be stored for other processes \(database_denied\)/);
        assert.deepEqual(error.details, ["2 x missing, ip"]);
        assert.equal(await findTrip(database, "maskline", pipeline), null);
      } finally {
        await limited.close();
        await admin.query("DROP OWNED BY limited; DROP ROLE limited");
      }
    });

    async function numberOf(pipeline: string): Promise<number> {
      const { rows } = await admin.query<{ number: number }>("SELECT number FROM maskline.pipeline WHERE name = $1", [pipeline]);
      return rows[0]?.number ?? 0;
    }
  });
}

function some(count: number): Delivery[] {
  return Array.from({ length: count }, () => makeDelivery());
}

function refusal(delivery: Delivery, kind: Partial<Refusal["faults"][0]>): Refusal {
  return {
    delivery,
    id: delivery.id,
    faults: [{ reason: "missing", path: "ip", expected: "text", found: "absent", ...kind }],
  };
}

function isSpent(error: unknown): error is MasklineError {
  return error instanceof MasklineError && error.code === "budget_spent";
}

async function spent(work: Promise<unknown>): Promise<MasklineError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(isSpent(error), `budget_spent, not ${error instanceof Error ? error.message : "no error"}`);
  return error;
}

/** The newest load first, each message by whether it was refused. Of the load at the edge, the part within counts in proportion. */
function modelCrosses([batch = [], ...past]: readonly (readonly boolean[])[], { refused, share, window }: FailureLimits): boolean {
  const places = past.flatMap((load, place) => load.map(() => place)).slice(0, Math.max(0, window - batch.length));
  let bad = batch.filter(Boolean).length;
  past.forEach((load, place) => {
    const within = places.filter((one) => one === place).length;
    if (within > 0) bad += Math.floor((load.filter(Boolean).length * within) / load.length);
  });
  const seen = batch.length + places.length;
  return (refused !== null && bad > refused) || (share !== null && seen >= window && bad > share * seen);
}

import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";

import { plainClient } from "../../postgres/databases.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { makeSmallDisk } from "../small-disk.ts";
import { onStage, type Stage } from "../stage.ts";
import { keepSending, untilFullSpeed } from "../traffic.ts";
import { deliverVerdict } from "../verdict.ts";

const perSecond = 200;
const recoverWithinSeconds = 10;
/** Of these the database keeps three for its superusers. */
const connections = 20;

/** Makes the trouble, sees to it that it has come, and ends it. */
type Trouble = (bench: Bench, stage: Stage) => Promise<void>;

const troubles: Readonly<Record<string, Trouble>> = {
  "too many connections": takeAllConnections,
  "statements cancelled": cancelLoads,
  "a deadlock": deadlock,
  "the disk full": fillDisk,
  "a lock held for long": holdLock,
};

/** A database that is there and cannot do what it is asked to. */
export const databaseTroubles: Scenario = {
  name: "database-troubles",
  about: "too many connections, cancelled statements, deadlocks, a full disk, locks",
  least: {},
  async run(bench) {
    const options = {
      maxReceiveCount: 5,
      visibilitySeconds: 3,
      role: "loader",
      postgres: { max_connections: String(connections) },
    };
    await onStage(bench, options, async (stage) => {
      const seats = await Promise.all([1, 2].map((number) => stage.seat(`troubles-${number}`)));
      for (const seat of seats) seat.start();
      await stage.untilWorking(seats);
      const traffic = keepSending(stage, perSecond);
      for (let round = 0; round < bench.size(1, 10); round += 1) {
        for (const [name, trouble] of Object.entries(troubles)) {
          if (!stage.manned) break;
          await trouble(bench, stage);
          const seconds = await untilFullSpeed(stage, perSecond, recoverWithinSeconds);
          if (seconds === null) bench.fail(`${name}: not at full speed ${recoverWithinSeconds} s after it was over`);
          else bench.say(`${name}: full speed ${seconds.toFixed(1)} s after it was over`);
        }
      }
      traffic.stop();
      await stage.untilDrained(60);
      for (const seat of seats) await stage.stop(seat);
      await deliverVerdict(bench, stage, { deadLetters: "none" });
    });
  },
};

/** The workers' connections are ended, and others take their places before they come back. */
async function takeAllConnections(bench: Bench, stage: Stage): Promise<void> {
  const refusal = /sorry, too many clients already|remaining connection slots are reserved/;
  const before = await stage.logged(refusal);
  const taken: pg.Client[] = [];
  let ownRefusals = 0;
  try {
    for (let round = 0; round < 3; round += 1) {
      await stage.admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'maskline'");
      while (taken.length < connections) {
        const client = await plainClient(stage.databaseUrl).catch(() => null);
        if (client === null) {
          ownRefusals += 1;
          break;
        }
        taken.push(client);
      }
    }
    await stage.untilLogged(refusal, before + ownRefusals);
    await pause(1_000);
  } finally {
    for (const client of taken) await client.end();
  }
  if (taken.length < connections / 2) bench.fail(`only ${taken.length} connections could be taken`);
}

const waitingLoads = "datname = current_database() AND application_name = 'maskline' AND wait_event_type = 'Lock'";

/** What a statement timeout says (57014), at the moment of our choice: the load waits for a lock, and is cancelled. */
async function cancelLoads(bench: Bench, stage: Stage): Promise<void> {
  let cancelled = 0;
  await whileLocked(stage, async () => {
    for (let round = 0; round < 3; round += 1) {
      await untilWaiting(stage);
      cancelled += (await stage.admin.query(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE ${waitingLoads}`)).length;
    }
  });
  if (cancelled === 0) bench.fail("no load was cancelled");
}

/** The load holds the receipts and wants the table, another holds the table and wants the receipts. */
async function deadlock(bench: Bench, stage: Stage): Promise<void> {
  const before = await stage.logged(/deadlock detected/);
  for (let round = 0; round < 3; round += 1) {
    await whileLocked(stage, async (other) => {
      await untilWaiting(stage);
      // one of the two is sacrificed; which one is the database's choice
      await other.query("LOCK TABLE maskline.receipt IN ACCESS EXCLUSIVE MODE").catch((error: unknown) => {
        if (!(error instanceof pg.DatabaseError) || error.code !== "40P01") throw error;
      });
    });
  }
  if ((await stage.logged(/deadlock detected/)) === before) bench.fail("there was no deadlock");
}

async function fillDisk(bench: Bench, stage: Stage): Promise<void> {
  const disk = await makeSmallDisk(bench.size(16, 64));
  if (disk === null) return bench.skip("a full disk", "only a superuser of the machine may mount a small one");
  const moveTo = (place: string): Promise<unknown> => stage.admin.query(`ALTER TABLE public.user_logins SET TABLESPACE ${place}`);
  const before = await stage.logged(/No space left on device/);
  try {
    await stage.admin.query(`CREATE TABLESPACE small_disk LOCATION '${disk.folder}'`);
    await moveTo("small_disk");
    await disk.fill();
    await stage.untilLogged(/No space left on device/, before, 20);
    await pause(1_000);
    await disk.relieve();
    await moveTo("pg_default");
    await stage.admin.query("DROP TABLESPACE small_disk");
  } finally {
    await disk.remove();
  }
}

/** Longer than a load waits for a lock (55P03), in the full run. */
async function holdLock(bench: Bench, stage: Stage): Promise<void> {
  await whileLocked(stage, async () => {
    await untilWaiting(stage);
    await pause(bench.size(2_000, 25_000));
  });
}

/** Holds the table against writers meanwhile. */
async function whileLocked(stage: Stage, work: (holder: pg.Client) => Promise<void>): Promise<void> {
  const holder = await stage.admin.connect();
  try {
    await holder.query("BEGIN; LOCK TABLE public.user_logins IN SHARE MODE");
    await work(holder);
    await holder.query("ROLLBACK");
  } finally {
    await holder.end();
  }
}

/** Resolves once a load waits for a lock. */
async function untilWaiting(stage: Stage): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    if ((await stage.admin.query(`SELECT 1 FROM pg_stat_activity WHERE ${waitingLoads}`)).length > 0) return;
    await pause(5);
  }
  throw new Error("no load came to wait for the lock");
}

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import { erase } from "../../src/app/recovery/erase.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import type { Delivery, Refusal } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { createViews, equalityView, equalityViewName, findDuplicates } from "../../src/postgres/duplicates.ts";
import { FailureBudget } from "../../src/postgres/failure-budget.ts";
import { findStreams } from "../../src/postgres/files.ts";
import { findMessage, readAccounts } from "../../src/postgres/ledger.ts";
import { findPipeline } from "../../src/postgres/pipelines.ts";
import { countPrunable, prune } from "../../src/postgres/prune.ts";
import { listQuarantine, showQuarantined } from "../../src/postgres/quarantine.ts";
import { countOldExits, pruneExits } from "../../src/postgres/recovery/prune-exits.ts";
import { discardQuarantined, QuarantineExit } from "../../src/postgres/recovery/quarantine-exit.ts";
import { selectQuarantined } from "../../src/postgres/recovery/quarantine-selection.ts";
import { countGroups, countValues, listSmallGroups, lookAtTable } from "../../src/postgres/recovery/risk.ts";
import { countRowsWith, selectTokens } from "../../src/postgres/recovery/token-selection.ts";
import { rehearse } from "../../src/postgres/rehearsal.ts";
import { firstSealedAtMs, noteSealingTimes, readSealingTimes } from "../../src/postgres/sealing-times.ts";
import { checkTarget } from "../../src/postgres/target.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { openLoginReplay } from "../harness/login-replay.ts";
import {
  connect,
  loginDemands,
  loginSinkOn,
  loginTable,
  makeBatch,
  makeDelivery,
  makeRows,
  openLoginSink,
  outcomesOf,
  rowsOf,
} from "../harness/login-table.ts";
import { plantFoes, timesSprung, untouched } from "../harness/planted.ts";
import { refused as refusedWith } from "../harness/refused.ts";
import { RotatingTable, sharedLogins } from "../harness/rotating-table.ts";
import { loginOf, VaultTable } from "../harness/vault-table.ts";
import { otherwise, plainClient } from "./databases.ts";

const everything = { ids: null, reason: null, path: null };
const neverStops = new AbortController().signal;
const pipelineName = "public.user_logins";

let databases = 0;

for (const engine of postgresServers()) {
  suite(`where others have planted code, on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await engine.start();
      await plantFoes(server.url);
    });
    after(() => server?.stop());

    /** A new database with what was planted in it. */
    const inDatabase = async (work: (database: Database, url: string) => Promise<void>): Promise<void> => {
      databases += 1;
      const name = `planted_${databases}`;
      const maker = await plainClient(server.url);
      await maker.query(`CREATE DATABASE ${name}`);
      await maker.end();
      const url = otherwise(server.url, { database: name });
      const database = connect(url, 6);
      try {
        await untouched(url, () => work(database, url));
      } finally {
        await database.close();
      }
    };

    test("a session of anybody else runs it", () =>
      assert.rejects(
        inDatabase(async (_, url) => {
          const client = await plainClient(url);
          for (const sql of ["2.5::numeric * 1000", "format('%s', 7::bigint)", "cardinality('{}'::text[])"]) {
            const sprung = await timesSprung(url);
            await client.query(`SELECT ${sql}`);
            assert.equal(await timesSprung(url), sprung + 1, sql);
          }
          await client.end();
        }),
        /planted code ran/,
      ));

    test("loads, a rotation and a walk do not", () =>
      inDatabase(async (database, url) => {
        const table = await RotatingTable.open(database, url);
        await table.load(table.ring, sharedLogins(300));
        await table.load(table.ring, sharedLogins(20, 290));
        await table.rotate();
        await table.load(table.ring, sharedLogins(20, 100));
        const [, old = 0] = [table.ring.primaryId, table.rings[0]?.primaryId];
        assert.equal((await table.use.holders([old])).length, 2);
        assert.equal((await table.rekey()).changed, 320);
        assert.deepEqual(await table.use.holders([old]), []);
        await table.use.clearAliases();
        const question = {
          table: loginTable,
          column: "masked_ip",
          userColumn: "user_id",
          timeColumn: "create_date",
          minUsers: 2,
          limit: 3,
        };
        const aliases = { schema: "maskline", domain: "login.ip" };
        assert.equal((await findDuplicates(database, { ...question, aliases })).length, 3);
        const [{ token } = { token: "" }] = await findDuplicates(database, question);
        const place = { table: loginTable, column: "masked_ip", find: null, timeColumn: "create_date" };
        assert.ok(((await countRowsWith(database, place, [token]))[0]?.rows ?? 0) > 1);
        const conditions = [
          { column: "app_version", operator: "!=", value: "7" },
          { column: "create_date", operator: ">=", value: "2026-01-01" },
          { column: "device_type", operator: "like", value: "i%" },
        ] as const;
        assert.equal((await selectTokens(database, { ...place, conditions, limit: 100 }, () => {})).tokens.length, 50);
        await database.query("making room", "DROP VIEW public.user_logins_equal");
        const name = equalityViewName(loginTable);
        const sql = equalityView("maskline", loginTable, [{ name: "masked_ip", domain: "login.ip" }]);
        await createViews(database, [{ name, sql }]);
      }));

    test("refused rows and messages, replays and the ledger do not", () =>
      inDatabase(async (database) => {
        const sink = await openLoginSink(database);
        const pipeline = (await findPipeline(database, "maskline", pipelineName)) ?? 0;
        const columns = await checkTarget(database, loginTable, loginDemands);
        const good = makeDelivery();
        await sink.probe();
        assert.deepEqual(outcomesOf(await sink.load(makeBatch(makeRows([good])))), { loaded: 1 });
        const rehearsal = { schema: "maskline", table: loginTable, columns, pipeline: pipelineName };
        const fresh = makeRows([makeDelivery()], { app_version: "x" });
        assert.equal(
          [...(await rehearse(database, rehearsal, { rows: fresh, refused: [] }, neverStops)).values()][0]?.outcome,
          "quarantined",
        );
        // the load's statement for a single column
        await database.query("creating", "CREATE TABLE public.narrow (word varchar(3))");
        const narrow = { schema: "public", table: "narrow" };
        const words = rowsOf([makeDelivery(), makeDelivery()], [["one", "three"]]);
        const word = [{ name: "word", castType: "pg_catalog.varchar" }];
        const tried = await rehearse(
          database,
          { ...rehearsal, table: narrow, columns: word },
          { rows: words, refused: [] },
          neverStops,
        );
        assert.deepEqual(
          [...tried.values()].map(({ outcome }) => outcome),
          ["loaded", "quarantined"],
        );
        const spoilt = makeRows([makeDelivery(), makeDelivery()], { app_version: "x" });
        await refusedWith(sink.load(makeBatch(spoilt, [], { sequence: 3 })), "target_misfit");
        const refused = [makeDelivery(), makeDelivery(), makeDelivery()];
        const limits = { refused: 100, share: null, window: 1_000 };
        const budget = (of: Database, schema: string, number: number): FailureBudget =>
          new FailureBudget(of, schema, number, limits);
        const careful = await loginSinkOn(database, "maskline", { budget });
        assert.deepEqual(outcomesOf(await careful.load(makeBatch(makeRows([]), refused.map(refusal), { sequence: 2 }))), {
          quarantined: 3,
        });

        assert.equal((await listQuarantine(database, "maskline", pipelineName))[0]?.messages, 3);
        assert.equal((await showQuarantined(database, "maskline", refused[0]?.id ?? "")).length, 1);
        const selected = await selectQuarantined(database, "maskline", pipelineName, everything);
        assert.deepEqual(
          selected.map(({ sentAtMs }) => sentAtMs),
          refused.map(({ sentAtMs }) => sentAtMs),
        );
        const replay = await openLoginReplay(database);
        const [first, second, third] = refused.map((delivery) => ({ ...delivery, handle: delivery.id })) as [
          Delivery,
          Delivery,
          Delivery,
        ];
        await replay.read(selected);
        const back = await replay.write({ rows: makeRows([first]), refused: [refusal(second)] });
        assert.deepEqual([back.loaded, back.refused.length], [1, 1]);
        const exit = new QuarantineExit("maskline", pipeline);
        const facts = { act: randomUUID(), contractHash: "today" };
        const keys = [second, third].map(({ handle, sentAtMs }) => ({ id: handle, sentAtMs }));
        assert.equal(await discardQuarantined(database, exit, keys, facts, neverStops, () => {}), 2);
        const scope = { schema: "maskline", pipeline, days: 1 };
        assert.equal(await countOldExits(database, { ...scope, days: 0 }), 3);
        assert.equal(await pruneExits(database, { ...scope, days: 0 }, neverStops), 3);
        await countPrunable(database, scope);
        assert.equal((await prune(database, { ...scope, days: 0 }, neverStops)).ended, "done");
        assert.equal((await readAccounts(database, "maskline", pipelineName, 1)).length, 1);
        await findMessage(database, "maskline", good.id);
        await findStreams(database, "maskline", pipeline, ["a/"]);
      }));

    test("the vault, an erasure and the figures of risk do not", async () => {
      const table = await VaultTable.create(server);
      try {
        await untouched(table.url, async () => {
          const { database } = table;
          await (
            await table.loader()
          ).load([loginOf("ann", "203.0.113.1", "phone"), loginOf("bob", "203.0.113.1"), { user_id: "ann", ip: "none" }]);
          const id = table.ring.sealing[0]?.id ?? 0;
          assert.ok(((await firstSealedAtMs(database, "maskline", id)) ?? 0) > 0);
          await noteSealingTimes(database, "maskline", 7, [id], 86_400_000);
          assert.deepEqual(await readSealingTimes(database, "maskline", 7), [{ id, atMs: 86_400_000, closed: false }]);
          const logins = { schema: "public", table: "logins" };
          const risk = await database.transaction(
            "counting",
            async (query) => {
              const { columns } = await lookAtTable(query, logins);
              const reading = { table: logins, percent: null };
              const counts = await countValues(query, reading, { column: "masked_ip", aliases: null, prefixes: [] });
              const groups = await countGroups(query, reading, ["masked_ip"], "user_id");
              const small = await listSmallGroups(query, reading, ["masked_ip"], "user_id", 5, 10);
              return [columns.length, counts.rows, groups.length, small.length];
            },
            { userPath: false },
          );
          assert.deepEqual(risk, [3, 2, 1, 1]);
          const why = { reason: "a request under article 17", ticket: "T-17", approval: null };
          const signed = await erase(
            table.settings,
            await table.governed(),
            { column: "user_id", nullTokens: true, ...why },
            "ann",
          );
          assert.deepEqual(signed.certificate["removed"], { links: 2, originals: 1, bodies: 1, rowsNulled: 1 });
        });
      } finally {
        await table.close();
      }
    });
  });
}

function refusal(delivery: Delivery): Refusal {
  return { delivery, id: delivery.id, faults: [{ reason: "missing", path: "ip", expected: "a value", found: "absent" }] };
}

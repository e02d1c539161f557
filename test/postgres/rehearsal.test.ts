import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type { Fault } from "../../src/contract/fault.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import type { Refusal, Rows } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { rehearse, type Rehearsed } from "../../src/postgres/rehearsal.ts";
import { checkTarget } from "../../src/postgres/target.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import {
  connect,
  loginDemands,
  loginTable,
  makeBatch,
  makeDelivery,
  makeRows,
  openLoginSink,
  outcomesOf,
  rowsOf,
} from "../harness/login-table.ts";
import { dumpTables, plainClient, untilWaiting } from "./databases.ts";

interface Around {
  readonly name?: string;
  readonly halt?: AbortSignal;
  readonly refused?: readonly Refusal[];
  readonly skipConflicts?: boolean;
}

const neverStops = new AbortController().signal;
const pipeline = "public.user_logins";

for (const engine of postgresServers()) {
  suite(`rehearsing a load on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    before(async () => {
      server = await engine.start();
      database = connect(server.url);
    });
    after(async () => {
      await database?.close();
      await server?.stop();
    });

    /** Rehearses, and holds that nothing has changed anywhere. */
    async function tryRows(
      rows: Rows,
      { name = pipeline, halt = neverStops, refused = [], skipConflicts = false }: Around = {},
    ): Promise<readonly Rehearsed[]> {
      const columns = await checkTarget(database, loginTable, loginDemands);
      const before = await dumpTables(database);
      const rehearsal = { schema: "maskline", table: loginTable, columns, pipeline: name, skipConflicts };
      try {
        return [...(await rehearse(database, rehearsal, { rows, refused }, halt)).values()];
      } finally {
        assert.deepEqual(await dumpTables(database), before, "nothing was stored");
      }
    }

    test("says of each row what a load then makes of it", async () => {
      const sink = await openLoginSink(
        database,
        "maskline",
        "ALTER TABLE user_logins ADD CONSTRAINT known CHECK (device_type <> 'toaster'), ADD UNIQUE (user_id) DEFERRABLE INITIALLY DEFERRED",
      );
      const loaded = makeDelivery();
      await sink.load(makeBatch(makeRows([loaded])));
      const deliveries = [makeDelivery(), loaded, makeDelivery(), makeDelivery(), makeDelivery()];
      const rows = makeRows(deliveries);
      const columns = rows.columns.map((column) => column.texts());
      Object.assign(columns[1] ?? [], { 2: "toaster" });
      // clashes with the first, at the end of the transaction only
      Object.assign(columns[0] ?? [], { 3: columns[0]?.[0] });
      const tried = await tryRows(rowsOf(rows.deliveries, columns));
      assert.deepEqual(
        tried.map(({ outcome }) => outcome),
        ["loaded", "duplicate", "quarantined", "quarantined", "loaded"],
      );
      const faults = tried.flatMap((row) => row.faults);
      assert.deepEqual(faults[0], {
        reason: "refused_by_database",
        path: "",
        expected: "constraint known holds",
        found: "SQLSTATE 23514, constraint known",
      });
      assert.match(faults[1]?.found ?? "", /^SQLSTATE 23505, constraint user_logins_user_id_key$/);

      const settled = await sink.load(makeBatch(rowsOf(rows.deliveries, columns), [], { sequence: 2 }));
      assert.deepEqual(outcomesOf(settled), { loaded: 2, duplicate: 1, quarantined: 2 }, "the load agrees");
    });

    test("works for a pipeline that has never run, and leaves its first number to it", async () => {
      await openLoginSink(database);
      const twice = makeDelivery();
      assert.deepEqual(
        (await tryRows(makeRows([twice, makeDelivery(), { ...twice }]), { name: "another" })).map(({ outcome }) => outcome),
        ["loaded", "loaded", "duplicate"],
      );
      const sequence = await database.query<{ last: number }>(
        "looking",
        "SELECT last_value::int AS last FROM maskline.pipeline_number_seq",
      );
      assert.deepEqual(sequence, [{ last: 1 }], "only the sink's own pipeline has taken a number");
    });

    test("what is not a row's is thrown as a load throws it", async () => {
      await openLoginSink(database);
      const rows = makeRows([makeDelivery()]);
      await database.query("preparing", "ALTER TABLE user_logins RENAME COLUMN locale TO language");
      const columns = loginDemands.map(({ name }) => ({ name, castType: "pg_catalog.text" }));
      await assert.rejects(
        rehearse(database, { schema: "maskline", table: loginTable, columns, pipeline }, { rows, refused: [] }, neverStops),
        {
          code: "database_refused",
        },
      );
    });

    test("says of what the contract refused whether it has had its effect", async () => {
      const sink = await openLoginSink(database);
      const fault: Fault = { reason: "not_json", path: "", expected: "a JSON object", found: "not JSON" };
      const refused = [makeDelivery(), makeDelivery()].map((delivery): Refusal => ({ delivery, id: delivery.id, faults: [fault] }));
      await sink.load(makeBatch(makeRows([]), refused.slice(0, 1)));
      assert.deepEqual(await tryRows(makeRows([]), { refused }), [
        { outcome: "duplicate", faults: [] },
        { outcome: "quarantined", faults: [fault] },
      ]);
    });

    test("where clashes are skipped, a row that clashes is a duplicate", async () => {
      await openLoginSink(database, "maskline", "ALTER TABLE user_logins ADD UNIQUE (user_id)");
      const rows = makeRows([makeDelivery(), makeDelivery()], { user_id: "one" });
      const outcomes = async (skipConflicts: boolean): Promise<readonly string[]> =>
        (await tryRows(rows, { skipConflicts })).map(({ outcome }) => outcome);
      assert.deepEqual(await outcomes(true), ["loaded", "duplicate"]);
      assert.deepEqual(await outcomes(false), ["loaded", "quarantined"]);
    });

    test("ends at once when it is asked to, also while it waits", async () => {
      await openLoginSink(database);
      const [holder, admin] = await Promise.all([plainClient(server.url), plainClient(server.url)]);
      try {
        await holder.query("BEGIN; LOCK TABLE user_logins IN EXCLUSIVE MODE");
        const stopping = new AbortController();
        const ended = assert.rejects(tryRows(makeRows([makeDelivery()]), { halt: stopping.signal }), {
          code: "database_unreachable",
        });
        await untilWaiting(admin, 1, [ended]);
        stopping.abort();
        await ended;
      } finally {
        await Promise.all([holder.end(), admin.end()]);
      }
    });

    test("a rehearsal of no rows is one", async () => {
      await openLoginSink(database);
      assert.deepEqual(await tryRows(makeRows([])), []);
    });
  });
}

import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { after, before, suite, test } from "node:test";
import { inspect } from "node:util";

import type pg from "pg";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { freeLoopbackPort } from "../../src/demo/process.ts";
import { type ErrorCode, MasklineError } from "../../src/errors.ts";
import { Database, DatabaseRefusal, type Query } from "../../src/postgres/database.ts";
import { databaseError, databaseFailure, describeFailure, type FailureClass } from "../../src/postgres/error-classes.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, loginTable, makeBatch, makeDelivery, makeRows, openLoginSink, rowsOf } from "../harness/login-table.ts";
import { otherwise, plainClient } from "./databases.ts";

/** What each code means for the messages in the statement. The traps are those whose class of codes says something else. */
const expected: Readonly<Record<FailureClass, readonly string[]>> = {
  row: [
    ...["22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "23502", "23503", "23505", "23514", "23P01", "44000"],
    ...["54000", "54001", "P0001", "P0004", "20000", "21000", "27000", "38000", "39000", "M0001", "XY123", "99999"],
  ],
  retry: ["40001", "40P01", "55P03", "55006", "40000", "57014"],
  outage: [
    ...["08000", "08001", "08003", "08004", "08006", "25006", "25P03", "40003", "53000", "53100", "53200", "53300", "53400"],
    ...["57000", "57P01", "57P02", "57P03", "57P05", "58000", "58030", "XX000", "XX001", "F0000"],
    ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "EPERM", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
    ...["EMFILE", "CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID", "ERR_STREAM_DESTROYED", ""],
  ],
  misfit: [
    ...["42501", "42P01", "42703", "42804", "42601", "42704", "28P01", "28000", "0A000", "3D000", "3F000", "08P01", "22P03"],
    ...["25001", "25P02", "26000", "55000", "HV000"],
  ],
};

suite("classes of database errors", () => {
  for (const [failureClass, codes] of Object.entries(expected)) {
    test(`${codes.length} codes mean "${failureClass}"`, () => {
      const found = codes.map((code) => [code, databaseFailure(Object.assign(new Error("text"), { code })).failureClass]);
      assert.deepEqual(
        found,
        codes.map((code) => [code, failureClass]),
      );
    });
  }

  test("whatever has no code comes from the connection", () => {
    for (const thrown of [new Error("Connection terminated unexpectedly"), "text", null, undefined, 7, {}, { code: 7 }]) {
      assert.equal(databaseFailure(thrown).failureClass, "outage");
    }
  });

  test("08P01 is a misfit of types from the server, an outage from a pooler that ends the connection", () => {
    assert.equal(databaseFailure({ code: "08P01", severity: "ERROR" }).failureClass, "misfit");
    assert.equal(databaseFailure({ code: "08P01", severity: "FATAL" }).failureClass, "outage");
    assert.equal(databaseFailure({ code: "28P01", severity: "FATAL" }).failureClass, "misfit");
  });

  test("only what can hold no value is kept of an error, and codes of the operating system are not called SQLSTATE", () => {
    const parts = { code: "23514", constraint: "c", table: "t", column: "x", schema: "s" };
    const hidden = { detail: "Failing row contains (secret)", where: "secret", hint: "secret", internalQuery: "secret" };
    const failure = databaseFailure(Object.assign(new Error("secret"), parts, hidden));
    assert.deepEqual(failure, { sqlState: "23514", failureClass: "row", constraint: "c", table: "t", column: "x" });
    assert.equal(describeFailure(failure), "SQLSTATE 23514, constraint c, column x");
    for (const code of ["EPIPE", "EPERM", "ECONNRESET"]) assert.equal(describeFailure(databaseFailure({ code })), code);
  });

  test("each refusal of a connection has its own error and says what to do", () => {
    const cases: readonly (readonly [object, ErrorCode])[] = [
      [{ code: "28P01", severity: "FATAL" }, "database_denied"],
      [{ code: "28000", severity: "FATAL" }, "database_denied"],
      [{ code: "3D000", severity: "FATAL" }, "database_missing"],
      [{ code: "42501", severity: "ERROR" }, "database_denied"],
      [{ code: "ECONNREFUSED" }, "database_unreachable"],
      [{ code: "SELF_SIGNED_CERT_IN_CHAIN" }, "database_tls"],
      [{ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, "database_tls"],
      [{ code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" }, "database_tls"],
      [{ code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, "database_tls"],
      [{ code: "CERT_HAS_EXPIRED" }, "database_tls"],
      [{ code: "ERR_TLS_CERT_ALTNAME_INVALID" }, "database_tls"],
      [{ code: "40P01", severity: "ERROR" }, "database_busy"],
      [{ code: "42P01", severity: "ERROR" }, "database_refused"],
      // pgbouncer has one code for everything
      [Object.assign(new Error("no such database: secret"), { code: "08P01", severity: "FATAL" }), "database_missing"],
      [Object.assign(new Error('database "secret" does not exist'), { code: "08P01", severity: "FATAL" }), "database_missing"],
      [Object.assign(new Error("SASL authentication failed"), { code: "08P01", severity: "FATAL" }), "database_denied"],
      [Object.assign(new Error("server conn crashed?"), { code: "08P01", severity: "FATAL" }), "database_unreachable"],
    ];
    for (const [thrown, code] of cases) {
      const error = databaseError(thrown, "loading", "host:1/db");
      assert.equal(error.code, code, inspect(thrown));
      assert.match(error.message, /while loading \(host:1\/db\)/);
      assert.ok(error.next, code);
      assert.doesNotMatch(everythingIn(error), /secret/);
    }
  });
});

suite("errors of a real server", () => {
  let server: PostgresServer;
  let database: Database;
  let admin: pg.Client;
  before(async () => {
    server = await startPostgres({ settings: { deadlock_timeout: "20ms" } });
    database = connect(server.url);
    admin = await plainClient(server.url);
    await admin.query("CREATE ROLE writer LOGIN PASSWORD 'a-good-password'");
  });
  after(async () => {
    await admin?.end();
    await database?.close();
    await server?.stop();
  });

  /** The error of a first query to somewhere else. */
  async function refusedAt(url: string, connectTimeoutMs: number = 10_000): Promise<MasklineError> {
    const elsewhere = new Database({ url, tls: null, caFile: null, connections: 1, connectTimeoutMs });
    try {
      return await failureOf(elsewhere.query("the first query", "SELECT 1"));
    } finally {
      await elsewhere.close();
    }
  }

  test("a wrong password, an unknown user, no password and a missing database are told apart", async () => {
    const wrong = await refusedAt(otherwise(server.url, { user: "writer", password: "a-wrong-password" }));
    assert.equal(wrong.code, "database_denied");
    assert.match(wrong.message, /SQLSTATE 28P01/);
    assert.equal((await refusedAt(otherwise(server.url, { user: "stranger" }))).code, "database_denied");
    const none = await refusedAt(otherwise(server.url, { password: "" }));
    assert.equal(none.code, "database_denied");
    assert.match(none.next ?? "", /password/);
    assert.equal((await refusedAt(otherwise(server.url, { database: "nowhere" }))).code, "database_missing");
    for (const error of [wrong, none]) assert.doesNotMatch(everythingIn(error), /a-wrong-password/);
    assert.doesNotMatch(everythingIn(wrong), new RegExp(new URL(server.url).password));
  });

  test("a role that may not connect, or has all its connections, is a misfit or an outage", async () => {
    const url = otherwise(server.url, { user: "writer", password: "a-good-password" });
    await admin.query("ALTER ROLE writer CONNECTION LIMIT 0");
    const full = await refusedAt(url);
    assert.deepEqual([full.code, full.retryable], ["database_unreachable", true]);
    assert.match(full.message, /SQLSTATE 53300/);
    await admin.query("ALTER ROLE writer CONNECTION LIMIT -1 NOLOGIN");
    const closed = await refusedAt(url);
    assert.deepEqual([closed.code, closed.retryable], ["database_denied", false]);
    await admin.query("ALTER ROLE writer LOGIN");
  });

  test("a port where nobody listens, and a server that never answers, are outages", async () => {
    const url = new URL(server.url);
    url.port = String(await freeLoopbackPort());
    const refused = await refusedAt(url.href);
    assert.equal(refused.code, "database_unreachable");
    assert.match(refused.message, /ECONNREFUSED/);
    url.hostname = "localhost";
    assert.match((await refusedAt(url.href)).message, /ECONNREFUSED/, "also where a name stands for two addresses");

    const silent = createServer(() => {});
    await new Promise<void>((resolve) => {
      silent.listen(0, "127.0.0.1", resolve);
    });
    url.port = String((silent.address() as AddressInfo).port);
    url.hostname = "127.0.0.1";
    try {
      const unanswered = await refusedAt(url.href, 50);
      assert.deepEqual([unanswered.code, unanswered.retryable], ["database_unreachable", true]);
    } finally {
      silent.close();
    }
  });

  test("a URL that is not one is a configuration error that does not repeat it", () => {
    for (const url of ["", "secret", "http://secret@host/db", "postgres://", "postgres:///db", "postgres://u:secret%zz@host/db"]) {
      assert.throws(
        () => connect(url),
        (error) => {
          assert.ok(error instanceof MasklineError, url);
          assert.equal(error.code, "config_invalid");
          assert.doesNotMatch(everythingIn(error), /secret/);
          return true;
        },
      );
    }
  });

  test("a statement that takes too long and a lock that is not given are reasons to try again", async () => {
    const slow = await refusal((query) => query("SET LOCAL statement_timeout = 20; SELECT pg_sleep(60)"));
    assert.deepEqual([slow.code, slow.failure.sqlState, slow.failure.failureClass], ["database_busy", "57014", "retry"]);

    await admin.query("CREATE TABLE locked (a text)");
    await admin.query("BEGIN; LOCK TABLE locked");
    const waiting = await refusal((query) => query("SET LOCAL lock_timeout = 20; SELECT * FROM locked"));
    await admin.query("ROLLBACK");
    assert.deepEqual([waiting.code, waiting.failure.sqlState, waiting.failure.failureClass], ["database_busy", "55P03", "retry"]);
  });

  test("of two transactions that wait for each other one is asked to try again", async () => {
    await admin.query("CREATE TABLE one (a int); CREATE TABLE other (a int)");
    const bothHold = Promise.withResolvers<void>();
    let holding = 0;
    const cross = (first: string, second: string): Promise<void> =>
      database.transaction("crossing", async (query) => {
        await query(`LOCK TABLE ${first}`);
        holding += 1;
        if (holding === 2) bothHold.resolve();
        await bothHold.promise;
        await query(`LOCK TABLE ${second}`);
      });
    const results = await Promise.allSettled([cross("one", "other"), cross("other", "one")]);
    const losers = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
    assert.equal(losers.length, 1);
    const [loser] = losers;
    assert.ok(loser instanceof DatabaseRefusal);
    assert.deepEqual([loser.code, loser.failure.sqlState], ["database_busy", "40P01"]);
  });

  test("a session that is ended between two statements is an outage, and the next transaction has another", async () => {
    const ended = await refusal(async (query) => {
      const [own] = await query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      await admin.query("SELECT pg_terminate_backend($1)", [own?.pid]);
      // the news comes while nothing is asked: without a listener it would end the process
      const isThere = async (): Promise<boolean> =>
        (await admin.query("SELECT FROM pg_stat_activity WHERE pid = $1", [own?.pid])).rowCount === 1;
      while (await isThere());
      await query("SELECT 1");
    });
    assert.equal(ended.failure.failureClass, "outage");
    assert.deepEqual(await database.query("counting", "SELECT 1 AS one"), [{ one: 1 }]);
  });

  test("a read-only server is an outage, a missing table or column or right a misfit", async () => {
    await admin.query("CREATE TABLE plain (a text)");
    const cases: readonly (readonly [string, string, FailureClass, ErrorCode])[] = [
      ["SET TRANSACTION READ ONLY; INSERT INTO plain VALUES ('x')", "25006", "outage", "database_unreachable"],
      ["SELECT * FROM nowhere", "42P01", "misfit", "database_refused"],
      ["SELECT nothing FROM plain", "42703", "misfit", "database_refused"],
      ["SELECT ''::text = 1", "42883", "misfit", "database_refused"],
      ["SET LOCAL ROLE writer; SELECT * FROM plain", "42501", "misfit", "database_denied"],
      ["SELECT 1/0", "22012", "row", "database_refused"],
    ];
    for (const [sql, state, failureClass, code] of cases) {
      const error = await refusal((query) => query(sql));
      assert.deepEqual([error.failure.sqlState, error.failure.failureClass, error.code], [state, failureClass, code], sql);
    }
  });

  test("after a failed transaction the connection is as good as new", async () => {
    const one = connect(server.url, 1);
    try {
      await assert.rejects(one.query("failing", "SELECT 1/0"));
      assert.deepEqual(await one.query("counting", "SELECT 1 AS one"), [{ one: 1 }]);
      await assert.rejects(
        one.transaction("failing", async () => {
          throw new RangeError("not the database's");
        }),
        RangeError,
      );
      assert.deepEqual(await one.query("counting", "SELECT 1 AS one"), [{ one: 1 }]);
    } finally {
      await one.close();
    }
  });

  const secret = "198.51.100.77";

  test("the value that a trigger, a constraint, a type or a key complains about is nowhere in the error", async () => {
    await admin.query(`CREATE TABLE touchy (a text CHECK (a NOT LIKE '198.%'), b int, c varchar(3), d text UNIQUE)`);
    await admin.query(`CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'bad value %', NEW.a USING DETAIL = NEW.a, HINT = NEW.a, ERRCODE = 'M0001'; END $$`);
    await admin.query("CREATE TABLE raising (a text)");
    await admin.query("CREATE TRIGGER complain BEFORE INSERT ON raising FOR EACH ROW EXECUTE PROCEDURE complain()");
    await admin.query("INSERT INTO touchy (d) VALUES ($1)", [secret]);
    const cases: readonly (readonly [string, string])[] = [
      ["INSERT INTO touchy (a) VALUES ($1)", "23514"],
      ["INSERT INTO touchy (b) VALUES ($1::text::int)", "22P02"],
      ["INSERT INTO touchy (c) VALUES ($1)", "22001"],
      ["INSERT INTO touchy (d) VALUES ($1)", "23505"],
      ["INSERT INTO raising (a) VALUES ($1)", "M0001"],
    ];
    for (const [sql, state] of cases) {
      const error = await refusal((query) => query(sql, [secret]));
      assert.equal(error.failure.sqlState, state);
      assert.equal(error.failure.failureClass, "row", state);
      assert.doesNotMatch(everythingIn(error), /198\.51|driver|DatabaseError/, sql);
      assert.equal(error.cause, undefined);
    }
  });

  test("a refused row leaves its value in no fault, and the message is quarantined", async () => {
    const sink = await openLoginSink(
      database,
      "maskline",
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN IF NEW.locale IS NOT NULL THEN RAISE EXCEPTION 'bad value %', NEW.locale; END IF; RETURN NEW; END $$
;
CREATE TRIGGER refuse BEFORE INSERT ON ${loginTable.schema}.${loginTable.table} FOR EACH ROW EXECUTE PROCEDURE refuse()`,
    );
    const [good, bad] = [makeDelivery(), makeDelivery()];
    const rows = makeRows([good, bad]);
    const columns = rows.columns.map((column, index) => (index === 4 ? [null, secret] : column));
    const settlements = await sink.load(makeBatch(rowsOf([good, bad], columns)));
    assert.deepEqual(settlements.map(({ delivery, outcome }) => [delivery.id, outcome]).sort(), [
      [good.id, "loaded"],
      [bad.id, "quarantined"],
    ]);
    const { rows: kept } = await admin.query<{ line: string }>("SELECT to_json(q)::text AS line FROM maskline.quarantine AS q");
    assert.match(kept[0]?.line ?? "", /P0001/);
    assert.doesNotMatch(kept[0]?.line ?? "", /198\.51/);
  });

  test("nothing of an error reaches the driver's own, also when loading fails as a whole", async () => {
    const sink = await openLoginSink(database);
    await admin.query("ALTER TABLE user_logins DROP COLUMN locale");
    const error = await failureOf(sink.load(makeBatch(makeRows([makeDelivery()], { user_id: secret }))));
    assert.equal(error.code, "database_refused");
    assert.doesNotMatch(everythingIn(error), /198\.51|DatabaseError/);
  });

  async function refusal(work: (query: Query) => Promise<unknown>): Promise<DatabaseRefusal> {
    const error = await failureOf(database.transaction("trying", work));
    assert.ok(error instanceof DatabaseRefusal, inspect(error));
    return error;
  }
});

/** A statement that fails, with what it means. Each is preceded by nothing but its own preparation, in the same transaction. */
interface Trap {
  readonly what: string;
  readonly prepare?: string;
  readonly sql: string;
  readonly parameters?: readonly unknown[];
  readonly state: string | RegExp;
  readonly failureClass: FailureClass;
}

const raising = (code: string): string => `CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${code} END $$;
  CREATE TABLE trap (a text); CREATE TRIGGER raise BEFORE INSERT ON trap FOR EACH ROW EXECUTE PROCEDURE raise()`;

const traps: readonly Trap[] = [
  {
    what: "a trigger that raises",
    prepare: raising("RAISE EXCEPTION 'no';"),
    sql: "INSERT INTO trap VALUES ('x')",
    state: "P0001",
    failureClass: "row",
  },
  {
    what: "a trigger that raises a code of its own",
    prepare: raising("RAISE EXCEPTION 'no' USING ERRCODE = 'ZZ901';"),
    sql: "INSERT INTO trap VALUES ('x')",
    state: "ZZ901",
    failureClass: "row",
  },
  {
    what: "a value too large for its index",
    prepare: "CREATE TABLE trap (a text PRIMARY KEY)",
    sql: "INSERT INTO trap SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) AS n",
    state: "54000",
    failureClass: "row",
  },
  {
    what: "a row that the CHECK OPTION of a view keeps out",
    prepare: "CREATE TABLE trap (a int); CREATE VIEW view AS SELECT a FROM trap WHERE a > 1 WITH CHECK OPTION",
    sql: "INSERT INTO view VALUES (1)",
    state: "44000",
    failureClass: "row",
  },
  {
    what: "four bytes for a bigint",
    prepare: "CREATE TABLE trap (a bigint)",
    sql: "INSERT INTO trap VALUES ($1)",
    parameters: [Buffer.alloc(4)],
    state: /^(08P01|22P03)$/,
    failureClass: "misfit",
  },
  {
    what: "twelve bytes for a bigint",
    prepare: "CREATE TABLE trap (a bigint)",
    sql: "INSERT INTO trap VALUES ($1)",
    parameters: [Buffer.alloc(12)],
    state: /^(08P01|22P03)$/,
    failureClass: "misfit",
  },
  {
    what: "a row for no partition",
    prepare: "CREATE TABLE trap (a int) PARTITION BY LIST (a)",
    sql: "INSERT INTO trap VALUES (1)",
    state: "23514",
    failureClass: "row",
  },
  {
    what: "a server that only reads",
    prepare: "SET TRANSACTION READ ONLY",
    sql: "CREATE TABLE trap (a int)",
    state: "25006",
    failureClass: "outage",
  },
  ...(
    [
      ["disk_full", "53100", "outage"],
      ["out_of_memory", "53200", "outage"],
      ["too_many_connections", "53300", "outage"],
      ["admin_shutdown", "57P01", "outage"],
      ["crash_shutdown", "57P02", "outage"],
      ["cannot_connect_now", "57P03", "outage"],
      ["connection_failure", "08006", "outage"],
      ["serialization_failure", "40001", "retry"],
      ["deadlock_detected", "40P01", "retry"],
      ["lock_not_available", "55P03", "retry"],
      ["query_canceled", "57014", "retry"],
    ] as const
  ).map(([condition, state, failureClass]): Trap => ({
    what: `${condition}, as a server under us says it`,
    prepare: raising(`RAISE EXCEPTION 'no' USING ERRCODE = '${condition}';`),
    sql: "INSERT INTO trap VALUES ('x')",
    state,
    failureClass,
  })),
];

for (const engine of postgresServers()) {
  suite(`traps among the codes, on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    before(async () => {
      // PostgreSQL 10 wants more connections than there are senders
      server = await engine.start({
        settings: { max_connections: "5", superuser_reserved_connections: "1", max_wal_senders: "0" },
      });
      database = connect(server.url);
    });
    after(async () => {
      await database?.close();
      await server?.stop();
    });

    for (const { what, prepare, sql, parameters, state, failureClass } of traps) {
      test(`${what}: ${failureClass}`, async () => {
        const error = await failureOf(
          database.transaction("trying", async (query) => {
            if (prepare !== undefined) await query(prepare);
            await query(sql, parameters);
          }),
        );
        assert.ok(error instanceof DatabaseRefusal);
        if (typeof state === "string") assert.equal(error.failure.sqlState, state);
        else assert.match(error.failure.sqlState, state);
        assert.equal(error.failure.failureClass, failureClass);
      });
    }

    test("a server that has no connection left: outage", async () => {
      const others: Database[] = [];
      try {
        const refusals: unknown[] = [];
        while (refusals.length === 0 && others.length < 6) {
          const other = connect(server.url, 1);
          others.push(other);
          await other.query("taking a connection", "SELECT 1").catch((error: unknown) => refusals.push(error));
        }
        const [refused] = refusals;
        assert.ok(refused instanceof MasklineError);
        assert.deepEqual([refused.code, refused.retryable], ["database_unreachable", true]);
        assert.match(refused.message, /53300/);
      } finally {
        for (const other of others) await other.close();
      }
    });
  });
}

async function failureOf(work: Promise<unknown>): Promise<MasklineError> {
  const error: unknown = await work.then(
    () => assert.fail("it did not fail"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MasklineError, inspect(error));
  assert.ok(error.next);
  return error;
}

/** All that whoever logs the error could get hold of. */
function everythingIn(error: unknown): string {
  return inspect(error, { depth: 9, showHidden: true, getters: true, maxStringLength: null, maxArrayLength: null });
}

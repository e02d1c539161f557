import assert from "node:assert/strict";
import { after, before, beforeEach, suite, test } from "node:test";

import fc from "fast-check";
import pg from "pg";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { type FaultProxy, type Moment, startFaultProxy, type Verdict } from "./fault-proxy.ts";
import { type Frames, postgresFrames } from "./proxy/postgres-frames.ts";

suite("the fault proxy's moments on the PostgreSQL wire", { timeout: 60_000 }, () => {
  let server: PostgresServer;
  let proxy: FaultProxy;
  let direct: pg.Client;
  before(async () => {
    server = await startPostgres();
    const { hostname, port } = new URL(server.url);
    proxy = await startFaultProxy({ target: { host: hostname, port: Number(port) }, seed: 1, protocol: "postgres" });
    direct = new pg.Client({ connectionString: server.url });
    await direct.connect();
    await direct.query("CREATE TABLE noted (n int)");
  });
  after(async () => {
    await direct?.end();
    await proxy?.stop();
    await server?.stop();
  });
  beforeEach(async () => {
    proxy.onMoment(null);
    proxy.set({ slice: null });
    await direct.query("TRUNCATE noted");
  });

  async function connect(): Promise<pg.Client> {
    const url = new URL(server.url);
    url.port = String(proxy.port);
    const client = new pg.Client({ connectionString: url.href });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  /** Moments of one kind get this verdict, others pass. */
  function rule(kind: Moment["kind"], verdict: Verdict): readonly Moment[] {
    const seen: Moment[] = [];
    proxy.onMoment(async (moment) => {
      seen.push(moment);
      return moment.kind === kind ? verdict : "forward";
    });
    return seen;
  }

  async function note(client: pg.Client): Promise<void> {
    await client.query("BEGIN");
    await client.query("INSERT INTO noted VALUES ($1)", [1]);
    await client.query("COMMIT");
  }

  const noted = async (): Promise<number> => (await direct.query("SELECT 1 FROM noted")).rows.length;
  /** Until the server has dropped all other connections: what they had begun is rolled back. */
  async function alone(): Promise<void> {
    const others = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    while ((await direct.query(others)).rows.length > 0);
  }

  for (const slice of [null, { bytes: 1, pauseMs: 0 }]) {
    test(`are told in order, with their text${slice === null ? "" : ", also when a byte comes at a time"}`, async () => {
      proxy.set({ slice });
      const seen = rule("statement", "forward");
      const client = await connect();
      await note(client);
      await client.query({ name: "kept", text: "SELECT $1::text", values: ["x".repeat(5_000)] });
      await client.query({ name: "kept", text: "SELECT $1::text", values: ["y"] });
      await client.query("BEGIN");
      await client.query("ROLLBACK");
      await client.query("BEGIN; INSERT INTO noted VALUES (2); COMMIT");
      await client.end();
      assert.deepEqual(
        seen.map(({ kind, text }) => `${kind}: ${text}`),
        [
          "statement: BEGIN",
          "statement: INSERT INTO noted VALUES ($1)",
          "before_commit: COMMIT",
          "after_commit: COMMIT",
          "statement: SELECT $1::text",
          "statement: SELECT $1::text",
          "statement: BEGIN",
          "statement: ROLLBACK",
          "before_commit: BEGIN; INSERT INTO noted VALUES (2); COMMIT",
          "after_commit: BEGIN; INSERT INTO noted VALUES (2); COMMIT",
        ],
      );
      assert.equal(await noted(), 2);
    });
  }

  test("a COMMIT that the server turns into a rollback is none", async () => {
    const seen = rule("statement", "forward");
    const client = await connect();
    await client.query("BEGIN");
    await assert.rejects(client.query("SELECT 1/0"));
    await client.query("COMMIT");
    await client.end();
    assert.deepEqual(
      seen.filter(({ kind }) => kind === "after_commit"),
      [],
    );
  });

  for (const verdict of ["cut", "reset"] as const) {
    test(`${verdict} before the COMMIT: nothing is durable`, async () => {
      const { commits, answersLost } = proxy.counters;
      rule("before_commit", verdict);
      const client = await connect();
      await assert.rejects(note(client));
      await alone();
      assert.equal(await noted(), 0);
      assert.deepEqual([proxy.counters.commits - commits, proxy.counters.answersLost - answersLost], [0, 0]);
    });

    test(`${verdict} after the COMMIT: it is durable, and the client is not told`, async () => {
      const { commits, answersLost } = proxy.counters;
      rule("after_commit", verdict);
      const client = await connect();
      await assert.rejects(note(client));
      assert.equal(await noted(), 1);
      assert.deepEqual([proxy.counters.commits - commits, proxy.counters.answersLost - answersLost], [1, 1]);
    });

    test(`${verdict} at a statement: the server does not see it`, async () => {
      rule("statement", verdict);
      const client = await connect();
      await assert.rejects(client.query("INSERT INTO noted VALUES (3)"));
      await alone();
      assert.equal(await noted(), 0);
    });
  }

  for (const kind of ["before_commit", "after_commit"] as const) {
    test(`drop_answer at ${kind}: durable, and the client hears nothing more, however long it waits`, async () => {
      const { answersLost } = proxy.counters;
      rule(kind, "drop_answer");
      const client = await connect();
      let told = false;
      const noting = note(client).then(
        () => (told = true),
        () => {},
      );
      while (proxy.counters.answersLost === answersLost) await direct.query("SELECT 1");
      assert.equal(await noted(), 1);
      await direct.query("SELECT pg_sleep(0)");
      assert.equal(told, false);
      proxy.cutAll("reset");
      await noting;
      assert.equal(told, false);
    });
  }

  test("the message waits for the hook", async () => {
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<Verdict>();
    const client = await connect();
    proxy.onMoment(async ({ kind }) => {
      if (kind !== "before_commit") return "forward";
      asked.resolve();
      return answered.promise;
    });
    const noting = note(client);
    await asked.promise;
    assert.equal(await noted(), 0);
    answered.resolve("forward");
    await noting;
    assert.equal(await noted(), 1);
    await client.end();
  });
});

suite("frames of the PostgreSQL protocol", () => {
  const message = (type: string, ...parts: readonly (string | number)[]): Buffer => {
    const body = Buffer.concat(
      parts.map((part) => (typeof part === "string" ? Buffer.from(`${part}\0`) : Buffer.alloc(part, "x"))),
    );
    const head = Buffer.alloc(5, type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const untyped = (code: number, rest: string): Buffer => {
    const head = Buffer.alloc(8);
    head.writeInt32BE(8 + rest.length, 0);
    head.writeInt32BE(code, 4);
    return Buffer.concat([head, Buffer.from(rest)]);
  };
  const fromClient = Buffer.concat([
    untyped(80_877_103, ""),
    untyped(196_608, "user\0me\0\0"),
    message("Q", "BEGIN"),
    message("P", "", "INSERT INTO t VALUES ($1)", 2),
    message("B", "", "", 300),
    message("E", "", 4),
    message("S"),
    message("d", 100),
    message("Q", "SELECT 1; commit ;"),
    message("X"),
  ]);
  const fromServer = Buffer.concat([
    Buffer.from("N"),
    message("R", 4),
    message("C", "BEGIN"),
    message("D", "COMMIT", 50),
    message("C", "COMMIT"),
    message("Z", 1),
  ]);

  /** The moments seen, and the bytes relayed, when both directions come in pieces of these sizes. */
  function cutInto(sizes: readonly number[]): { readonly moments: readonly string[]; readonly relayed: readonly string[] } {
    const { toServer, toClient } = postgresFrames();
    const moments: string[] = [];
    const relay = (frames: Frames, bytes: Buffer): string => {
      let relayed = "";
      for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
        const size = sizes[piece % sizes.length] ?? 1;
        for (const segment of frames.push(bytes.subarray(at, at + size))) {
          if (segment.moment !== null)
            moments.push(`${segment.moment.kind} ${segment.moment.text} ${segment.bytes.toString("latin1", 0, 1)}`);
          relayed += segment.bytes.toString("latin1");
        }
        at += size;
      }
      return relayed;
    };
    return { moments, relayed: [relay(toServer, fromClient), relay(toClient, fromServer)] };
  }

  test("are found, and relayed to the byte, however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 }), (sizes) => {
        const { moments, relayed } = cutInto(sizes);
        assert.deepEqual(relayed, [fromClient.toString("latin1"), fromServer.toString("latin1")]);
        assert.deepEqual(moments, [
          "statement BEGIN Q",
          "statement INSERT INTO t VALUES ($1) B",
          "before_commit SELECT 1; commit ; Q",
          "after_commit SELECT 1; commit ; C",
        ]);
      }),
    );
  });

  test("of an encrypted connection are none, and everything is relayed", () => {
    const { toServer, toClient } = postgresFrames();
    toServer.push(untyped(80_877_103, ""));
    assert.equal(toClient.push(Buffer.from("S"))[0]?.bytes.toString(), "S");
    const secret = Buffer.from("Q\0\0\0\x0bCOMMIT\0 and more");
    for (const frames of [toServer, toClient]) assert.deepEqual(frames.push(secret), [{ moment: null, bytes: secret }]);
  });
});

import assert from "node:assert/strict";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { announce } from "../../src/app/live-masks.ts";
import { ringName } from "../../src/app/tagged-columns.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { noteStanding } from "../../src/postgres/ring-keys.ts";
import { readKeyRingFile } from "../harness/ring-file.ts";
import { type Finished, openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { type Failure, failed, jsonError, maskline, succeeded } from "./expect.ts";

suite("against a queue and a database", { concurrency: 2 }, () => {
  let servers: Servers;
  let workspace: Workspace;
  let password: string;
  before(async () => {
    servers = await startServers();
    workspace = await openWorkspace(servers);
    password = new URL(servers.postgres.url).password;
    await sql(`CREATE TABLE narrow (user_id varchar(10), device_type integer, masked_ip varchar(20), locale varchar(32) NOT NULL,
      app_version integer, create_date date, other text NOT NULL)`);
    await sql("CREATE ROLE limited LOGIN PASSWORD 'canary4711'");
    await sql("CREATE SCHEMA newer; CREATE TABLE newer.migration (version integer); INSERT INTO newer.migration VALUES (99)");
  });
  after(async () => {
    await workspace?.close();
    await servers?.stop();
  });

  async function sql(statement: string): Promise<void> {
    await workspace.database.query("preparing", statement);
  }

  /** The configured database's URL with a part of it changed. */
  function urlWith(change: Partial<Record<"username" | "password" | "port" | "pathname", string>>): Record<string, string> {
    const url = new URL(workspace.settings.options.sink?.postgres?.url ?? "");
    for (const [part, value] of Object.entries(change)) Reflect.set(url, part, value);
    return { MASKLINE_SINK_POSTGRES_URL: url.href };
  }

  async function call(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Finished> {
    const finished = await maskline(workspace.folder, args, environment);
    const said = finished.stdout + finished.stderr;
    for (const secret of [password, "canary4711", "wrong4711"]) assert.ok(!said.includes(secret), "no password in any output");
    return finished;
  }

  test("check --connect finds everything in order, and says what it found", async () => {
    const { stdout, stderr } = succeeded(await call(["check", "--connect"]));
    assert.equal(stdout, "");
    const subjects = [...stderr.matchAll(/^ {2}ok {4}([a-z ]+): /gm)].map((found) => found[1]);
    assert.deepEqual(subjects, ["ciphers", "key ring", "queue", "database", "schema", "table", "keys", "failure budget"]);
    assert.match(stderr, /queue: http:\S+: about 0 visible, 0 in flight, 0 delayed; visibility 30 s; json protocol/);
    assert.match(stderr, /database: PostgreSQL \d\S* at 127\.0\.0\.1:\d+\/\w+, as postgres/);
    assert.match(stderr, /table: public\.user_logins takes the contract's 7 columns/);
    assert.match(stderr, /\nnext: maskline run --drain\n$/);
  });

  test("check --connect tells all that is wrong, not only the first", async () => {
    const broken = sets(
      "sink.postgres.table=narrow",
      "sink.postgres.schema=other",
      "keyring=file:none.json",
      `source.sqs.queue=${workspace.queueUrl}-none`,
    );
    const finished = await call(["check", "--connect", ...broken]);
    failed(finished, {
      code: "keyring_missing",
      says: /^maskline: 4 of 6 checks failed: key ring, queue, schema, table$/m,
      next: /maskline keys create/,
    });
    const faults = [
      "fault key ring: there is no key ring at none.json",
      "fault queue: there is no such queue",
      'fault schema: 127.0.0.1:.* has no schema "other" of maskline',
      "fault table: table public.narrow in .* does not fit the contract",
      "column user_id: is character varying\\(10\\), the contract allows 128 characters$",
      "column device_type: is integer, the contract gives text$",
      "column masked_ip: is character varying\\(20\\), the contract allows 50 characters after masking$",
      "column masked_device_id: is not in the table$",
      "column locale: is NOT NULL, the contract allows no value: set required: true$",
      "column other: is NOT NULL without a default, and the contract does not fill it$",
    ];
    for (const fault of faults) assert.match(finished.stderr, new RegExp(`^ +${fault}`, "m"));

    const error = jsonError(await call(["check", "--connect", "--json", ...broken]));
    assert.equal(error.code, "keyring_missing");
    assert.equal(error.details.length, 4 + 6, "with --json the same faults are in the details");
    assert.match(error.details.join("\n"), /^table: column masked_device_id: is not in the table$/m);
  });

  test("a user who may do nothing is told for schema and table, by name", async () => {
    const finished = await call(["check", "--connect"], urlWith({ username: "limited", password: "canary4711" }));
    failed(finished, { code: "database_denied", says: /2 of 6 checks failed: schema, table/, next: /grant/ });
    assert.match(finished.stderr, /database: PostgreSQL .*, as limited/);
    assert.match(finished.stderr, /GRANT INSERT ON "public"\."user_logins" TO limited/);
  });

  test("check --connect on a database that lets nobody in says so once, and checks the rest", async () => {
    const finished = await call(["check", "--connect"], urlWith({ password: "wrong4711" }));
    failed(finished, { code: "database_denied", says: /1 of 4 checks failed: database$/m, next: /user and password/ });
    assert.match(finished.stderr, /^ {2}ok {4}queue: /m);
    assert.equal(finished.stderr.match(/28P01/g)?.length, 1);
  });

  test("an outage counts only where nothing else is wrong", async () => {
    const unreachable = "source.sqs.queue=http://127.0.0.1:1/000000000000/q";
    failed(await call(["check", "--connect", ...sets(unreachable)]), {
      code: "queue_unreachable",
      says: /1 of 8 checks failed: queue/,
      next: /can be reached/,
    });
    const both = await call(["check", "--connect", "--json", ...sets(unreachable, "sink.postgres.table=nope")]);
    assert.equal(jsonError(both).code, "target_misfit");
  });

  test("check --connect changes nothing in the database", async (t) => {
    const own = await openWorkspace(servers);
    t.after(() => own.close());
    succeeded(await maskline(own.folder, ["check", "--connect"]));
    const [found] = await own.database.query<{ n: number }>("counting", "SELECT count(*)::int AS n FROM maskline.mask_definition");
    assert.equal(found?.n, 0);
  });

  suite("run refuses to start", { concurrency: 2 }, () => {
    const cases: Readonly<Record<string, readonly [Failure, () => readonly string[], (() => Record<string, string>)?]>> = {
      "with a wrong password": [
        { code: "database_denied", says: /refused the user or the password .*SQLSTATE 28P01/, next: /user and password/ },
        () => [],
        () => urlWith({ password: "wrong4711" }),
      ],
      "without its database": [
        { code: "database_missing", says: /there is no such database .*\/nodb\)/, next: /the database's name/ },
        () => [],
        () => urlWith({ pathname: "/nodb" }),
      ],
      "while the database cannot be reached": [
        { code: "database_unreachable", says: /\(127\.0\.0\.1:1\/\w+\): ECONNREFUSED/, next: /host and port/ },
        () => [],
        () => urlWith({ port: "1" }),
      ],
      "without TLS where it was asked for": [
        { code: "database_tls", says: /offers no TLS/, next: /sink\.postgres\.tls: off/ },
        () => sets("sink.postgres.tls=require"),
      ],
      "without its table": [
        { code: "target_misfit", says: /there is no table public\.nope \(quoted: "public"\."nope"\)/, next: /create it/ },
        () => sets("sink.postgres.table=nope"),
      ],
      "with columns that are missing or too narrow": [
        {
          code: "target_misfit",
          says: /column masked_ip: is character varying\(20\), .* 50 characters after masking\n.*column masked_device_id: is not in the table/,
          next: /maskline check --connect/,
        },
        () => sets("sink.postgres.table=narrow"),
      ],
      "without what maskline owns": [
        { code: "schema_missing", says: /has no schema "other" of maskline/, next: /maskline migrate/ },
        () => sets("sink.postgres.schema=other"),
      ],
      "on what a newer maskline owns": [
        { code: "schema_newer", says: /schema "newer" is at version 99, this program knows \d+/, next: /newer maskline/ },
        () => sets("sink.postgres.schema=newer"),
      ],
      "while the queue cannot be reached": [
        { code: "queue_unreachable", says: /\(http:\/\/127\.0\.0\.1:1\/000000000000\/q\): ECONNREFUSED/, next: /can be reached/ },
        () => sets("source.sqs.queue=http://127.0.0.1:1/000000000000/q"),
      ],
      "without its queue": [
        { code: "queue_missing", says: /there is no such queue .*-none\): QueueDoesNotExist/, next: /source\.sqs\.queue/ },
        () => sets(`source.sqs.queue=${workspace.queueUrl}-none`),
      ],
      "without its key ring": [
        { code: "keyring_missing", says: /there is no key ring at none\.json/, next: /maskline keys create/ },
        () => sets("keyring=file:none.json"),
      ],
    };
    for (const [when, [failure, args, environment]] of Object.entries(cases)) {
      test(when, async () => failed(await call(["run", "--drain", ...args()], environment?.()), failure));
    }

    test("with a key ring that others can read, or that is none", async () => {
      for (const [name, mode, text, failure] of [
        ["open.json", 0o640, "{}", { code: "keyring_exposed", says: /mode 640/, next: /chmod 600/ }],
        ["bad.json", 0o600, '{"canary4711":1}', { code: "keyring_malformed", says: /key ring/, next: /./ }],
      ] as const) {
        await writeFile(path.join(workspace.folder, name), text, { mode });
        failed(await call(["run", "--drain", ...sets(`keyring=file:${name}`)]), failure);
      }
    });

    test("with --json: the code, the same words and nothing else", async () => {
      const error = jsonError(await call(["run", "--json", ...sets("sink.postgres.schema=other")]));
      assert.deepEqual([error.code, error.retryable], ["schema_missing", false]);
      assert.match(error.next ?? "", /^maskline migrate/);
      const outage = jsonError(await call(["run", "--json"], urlWith({ port: "1" })));
      assert.deepEqual([outage.code, outage.retryable], ["database_unreachable", true]);
    });
  });

  suite("once rows are masked", () => {
    let used: Workspace;
    before(async () => {
      used = await openWorkspace(servers);
      await used.send([
        JSON.stringify({ user_id: "u", device_type: "ios", ip: "192.0.2.1", device_id: "d-1", app_version: "2.3" }),
      ]);
      succeeded(await maskline(used.folder, ["run", "--max-messages", "1"]));
    });
    after(async () => used?.close());

    /** What `run` says to a changed configuration or other flags; `check --connect` says the same. */
    async function refusal(config: (text: string) => string, ...args: readonly string[]): Promise<ErrorCode> {
      const file = path.join(await mkdtemp(path.join(used.folder, "changed-")), "maskline.yaml");
      await writeFile(file, config(await readFile(used.file, "utf8")));
      const [run, check] = await Promise.all([
        maskline(used.folder, ["run", "--drain", "--json", "-c", file, ...args]),
        maskline(used.folder, ["check", "--connect", "--json", "-c", file, ...args]),
      ]);
      assert.equal(jsonError(check).code, jsonError(run).code, "check and run agree");
      return jsonError(run).code;
    }

    test("another key ring may not go on masking", async () => {
      succeeded(await maskline(used.folder, ["keys", "create", "another.json"]));
      failed(await maskline(used.folder, ["run", "--drain", ...sets("keyring=file:another.json")]), {
        code: "key_mismatch",
        says: /domain login\.\w+ has tokens of key \d+, which this key ring does not hold/,
        next: /use the key ring those rows were masked with/,
      });
    });

    test("a key that tokens may stand under may not be missing, nor one that a mask names be out of use", async () => {
      const own = await openWorkspace(servers);
      try {
        const at = async (...args: string[]): Promise<Finished> => maskline(own.folder, args);
        const codes = async (file: string): Promise<readonly ErrorCode[]> => [
          jsonError(await at("check", "--connect", "--json", "-c", file)).code,
          jsonError(await at("run", "--json", "--max-duration", "5s", "-c", file)).code,
        ];
        const ring = path.join(own.folder, "keyring.json");
        const text = await readFile(own.file, "utf8");
        const first = (await readKeyRingFile(ring)).primaryId;
        await announce(own.settings, own.database, await readKeyRingFile(ring));
        succeeded(await at("keys", "rotate"));
        const whole = await readFile(ring, "utf8");
        succeeded(await at("keys", "disable", String(first), "--offline"));
        assert.deepEqual(await codes("maskline.yaml"), ["key_unknown", "key_unknown"]);

        await writeFile(ring, whole);
        await noteStanding(own.database, "maskline", ringName(await readKeyRingFile(ring)), first, "disabled");
        const named = text.replace("kind: siv, domain: login.device_id", `kind: hmac, domain: login.device, key: ${first}`);
        await writeFile(path.join(own.folder, "named.yaml"), named);
        assert.deepEqual(await codes("named.yaml"), ["key_retired", "key_retired"]);
        succeeded(await at("check", "--connect"));
      } finally {
        await own.close();
      }
    });

    test("a domain may not be defined otherwise: another encoding or type", async () => {
      assert.equal(await refusal((text) => text.replace("domain: login.ip", "domain: login.ip, encode: text")), "mask_changed");
      assert.equal(
        await refusal((text) => text.replace("device_id, type: text, max: 40,", "device_id, type: ip,")),
        "mask_changed",
      );
    });

    test("a domain may not be defined otherwise: another kind", async () => {
      assert.equal(
        await refusal((text) => text.replace("kind: siv, domain: login.ip", "kind: hmac, domain: login.ip")),
        "mask_changed",
      );
    });

    test("a new domain, and one that is left out, are no change", async () => {
      const text = await readFile(used.file, "utf8");
      await writeFile(
        path.join(used.folder, "new.yaml"),
        text.replace(/ {2}masked_ip.*\n/, "").replace("login.device_id", "login.device"),
      );
      succeeded(await maskline(used.folder, ["check", "--connect", "-c", "new.yaml"]));
    });
  });
});

function sets(...options: readonly string[]): readonly string[] {
  return options.flatMap((option) => ["--set", option]);
}

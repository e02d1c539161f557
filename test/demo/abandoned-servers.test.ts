import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chownSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { type Account, hasEnded } from "../../src/demo/process.ts";
import { firstTold, isAlive, ownTemporaryFolder, programWithServers, type Told, told, until } from "./server-program.ts";

const isRoot = process.getuid?.() === 0;
const nobody: Account = { uid: 65534, gid: 65534 };

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
    const interrupted = new Promise((resolve) => process.once("SIGINT", resolve));
    const alive = setInterval(() => {}, 1000);
    tell({});
    await interrupted;
    const counts = await queue.counts(queueUrl);
    const socket = (await import("node:net")).connect(Number(new URL(url).port), "127.0.0.1");
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    socket.destroy();
    await queue.stop();
    await database.stop();
    tell({ counts });
    clearInterval(alive);
  `,
  );
  const lines: Told[] = [];
  for await (const line of told(child)) {
    lines.push(line);
    // as a terminal does it: to the whole process group
    if (lines.length === 2) process.kill(-(child.pid ?? 0), "SIGINT");
  }
  assert.deepEqual(lines[2], { counts: { visible: 0, inFlight: 0, delayed: 0 } });
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

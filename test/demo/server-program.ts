import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import type { Account } from "../../src/demo/process.ts";

export const checkout: string = path.join(import.meta.dirname, "..", "..");

/** A folder for this test alone, which becomes its TMPDIR: what the servers leave behind is then found there. */
export function ownTemporaryFolder(context: TestContext, mode = 0o777): string {
  const folder = mkdtempSync(path.join(tmpdir(), "maskline-servers-test-"));
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
export function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return !(existsSync("/proc") && /^State:\s+Z/m.test(readFileSync(`/proc/${processId}/status`, "utf8")));
  } catch {
    return false;
  }
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `waited in vain until ${what}`);
    await pause(20);
  }
}

function quotedUrl(file: string): string {
  return JSON.stringify(pathToFileURL(path.join(checkout, "src", "demo", file)).href);
}

/** A program that starts both servers, tells us where they are, and then does what `then` says. */
export function programWithServers(
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

export interface Told {
  readonly url: string;
  readonly processId: number;
  readonly dataFolder: string;
  readonly queueUrl: string;
}

/** Each line the program tells, parsed. */
export async function* told(child: ChildProcess): AsyncGenerator<Told> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as Told;
  }
}

export async function firstTold(child: ChildProcess): Promise<Told> {
  for await (const one of told(child)) return one;
  throw new Error("the program ended before its servers were up");
}

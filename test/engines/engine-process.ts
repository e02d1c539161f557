import { spawn } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { chown, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { startCleanupGuard } from "../../src/demo/cleanup-guard.ts";
import { type Account, hasEnded, untilEnded } from "../../src/demo/process.ts";
import { makeServerFolder } from "../../src/demo/server-account.ts";

/** Where scripts/install-engines.sh puts what it installs. */
export const enginesFolder: string = path.join(import.meta.dirname, "..", "..", ".engines");

/** Whether the engine of this name is there, whole: the script writes the version last. */
export function isInstalled(name: string): boolean {
  return existsSync(path.join(enginesFolder, name, ".version"));
}

export function notInstalled(name: string): string {
  return `${name} is not installed here: run scripts/install-engines.sh`;
}

/** An environment made by root can lean on a Python that only root may run. */
export function whyNotRunnable(program: string): string | null {
  try {
    accessSync(program, constants.X_OK);
    return null;
  } catch {
    return `this user may not run ${program}`;
  }
}

export interface EngineOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** Files by name, written into the folder the program starts in. */
  readonly files?: Readonly<Record<string, string>>;
  readonly account?: Account | undefined;
  /** Whether it can be used by now; asked again until it says so. */
  readonly ready: () => Promise<boolean>;
}

export interface EngineProcess {
  stop(): Promise<void>;
}

const startDeadlineMs = 60_000;

/**
 * Starts a server program in a temporary folder and resolves once it is ready. It is stopped by `stop`, or when the test process
 * ends without having done so, however it ends.
 */
export async function startEngine(options: EngineOptions): Promise<EngineProcess> {
  const { account } = options;
  const folder = await makeServerFolder("maskline-engine-", account);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    await writeFile(path.join(folder, name), content, { mode: 0o600 });
    if (account) await chown(path.join(folder, name), account.uid, account.gid);
  }
  const guard = startCleanupGuard([folder]);
  const child = spawn(options.program, options.args, { cwd: folder, ...account, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output = (output + chunk).slice(-4000);
    });
  }
  child.on("error", (error) => {
    output += error.message;
  });
  if (child.pid !== undefined) guard.watch(child.pid);
  const stop = async (): Promise<void> => {
    if (!hasEnded(child)) child.kill("SIGTERM");
    await untilEnded(child);
    await rm(folder, { recursive: true, force: true });
    await guard.release();
  };
  const deadline = performance.now() + startDeadlineMs;
  while (!(await options.ready())) {
    if (hasEnded(child) || performance.now() > deadline) {
      await stop();
      throw new Error(`${path.basename(options.program)} did not start: ${output}`);
    }
    await pause(20);
  }
  return { stop };
}

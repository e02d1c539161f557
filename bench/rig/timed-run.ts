import { type ChildProcess, spawn } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";

import { awsDummies, type Program } from "./consumer.ts";
import { endedChildrenSeconds, useOfTrees } from "./process-tree.ts";

/** What a program cost from its start to its end. */
export interface TimedRun {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly databaseSeconds: number;
}

export interface TimedPlan {
  readonly program: Program;
  readonly folder: string;
  readonly given: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly stdout?: string;
  /** The database's first process. */
  readonly database: number;
}

/** Runs a program to its end. @throws Error where it does not end well */
export async function runTimed(plan: TimedPlan): Promise<TimedRun> {
  const files: FileHandle[] = [];
  const opened = async (file: string | undefined, flags: string): Promise<number | "ignore"> => {
    if (file === undefined) return "ignore";
    const handle = await open(file, flags);
    files.push(handle);
    return handle.fd;
  };
  try {
    const [input, output] = [await opened(plan.stdin, "r"), await opened(plan.stdout, "w")];
    const [file = "", ...args] = plan.program.command;
    const before = { atMs: performance.now(), own: endedChildrenSeconds(), database: databaseSeconds(plan) };
    const child = spawn(file, args, {
      cwd: plan.folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: plan.folder, ...awsDummies, ...plan.given, ...plan.program.environment },
      stdio: [input, output, "pipe"],
    });
    const said = await ended(child);
    if (said !== null) throw new Error(`${plan.program.command.join(" ")} failed: ${said}`);
    return {
      seconds: (performance.now() - before.atMs) / 1_000,
      cpuSeconds: endedChildrenSeconds() - before.own,
      databaseSeconds: databaseSeconds(plan) - before.database,
    };
  } finally {
    for (const file of files) await file.close();
  }
}

function databaseSeconds({ database }: TimedPlan): number {
  return useOfTrees([database])[0]?.cpuSeconds ?? 0;
}

/** Resolves to null when it has ended well, otherwise to what it said last. */
function ended(child: ChildProcess): Promise<string | null> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2_000)));
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code) => resolve(code === 0 ? null : `exit ${code}: ${said.trim()}`));
  });
}

import { execFileSync } from "node:child_process";
import { cpus, release, totalmem, type } from "node:os";

/** Where and of what a result was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly postgres: string;
  /** With `+` behind it where files were changed. */
  readonly commit: string;
  readonly at: string;
}

export function describeMachine(postgres: string): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    postgres,
    commit: `${git("rev-parse", "--short=12", "HEAD") || "unknown"}${git("status", "--porcelain") === "" ? "" : "+"}`,
    at: new Date().toISOString(),
  };
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync("git", [...args], {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
}

import { spawn } from "node:child_process";

import { hasEnded } from "../../src/demo/process.ts";

/** A program that is measured: maskline or one it is compared with. */
export interface Program {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Beside what every consumer is given. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a consumer has ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const stopPatienceMs = 40_000;
const keptOutput = 65_536;

/** A consumer at work. */
export interface RunningConsumer {
  readonly processId: number;
  readonly ended: Promise<Ended>;
  /** SIGTERM; SIGKILL to one that does not go. */
  stop(): Promise<Ended>;
}

/** Starts a consumer with nothing of the tester's own environment but the path. */
export function startConsumer(
  { command, environment = {} }: Program,
  folder: string,
  given: Readonly<Record<string, string>>,
): RunningConsumer {
  const [file = "", ...args] = command;
  const child = spawn(file, args, {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...awsDummies, ...given, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout = (stdout + text).slice(-keptOutput)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-keptOutput)));
  const ended = new Promise<Ended>((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, stdout, stderr: error.message }));
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return {
    processId: child.pid ?? 0,
    ended,
    stop: async () => {
      if (!hasEnded(child)) child.kill("SIGTERM");
      const impatience = setTimeout(() => child.kill("SIGKILL"), stopPatienceMs);
      const how = await ended;
      clearTimeout(impatience);
      return how;
    },
  };
}

/** The load server takes any. */
export const awsDummies: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: "bench",
  AWS_SECRET_ACCESS_KEY: "bench",
  AWS_REGION: "us-east-1",
  AWS_DEFAULT_REGION: "us-east-1",
  AWS_EC2_METADATA_DISABLED: "true",
};

/** How a consumer ended, in a line. */
export function inShort({ code, signal, stderr, stdout }: Ended): string {
  const said = [...stderr.trim().split("\n").slice(-4), stdout.trim().slice(-200)].filter((line) => line !== "");
  return `${signal ?? `exit ${code}`}: ${said.join(" | ")}`;
}

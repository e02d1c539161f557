import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");
const script = "/usr/bin/script";

/** Why there is no terminal to try things at; null when there is one. */
export const terminalMissing: string | null = existsSync(script) ? null : "script(1) of util-linux is not installed here";

export interface Session {
  readonly code: number | null;
  /** All that the screen showed. */
  readonly screen: string;
}

/** Runs the command line at a terminal. Each text is typed once the screen shows what it answers. */
export async function atTerminal(
  folder: string,
  args: readonly string[],
  answers: readonly (readonly [shown: string, typed: string])[],
): Promise<Session> {
  const command = [process.execPath, main, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn(script, ["--quiet", "--return", "--command", command, "/dev/null"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = [...answers];
  let screen = "";
  let seen = 0;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
    const [next] = waiting;
    if (next === undefined || !screen.includes(next[0], seen)) return;
    seen = screen.indexOf(next[0], seen) + next[0].length;
    waiting.shift();
    child.stdin.write(next[1]);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, screen };
}

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

const bin = path.resolve(import.meta.dirname, "../../bin");
const tells = `import { setTimeout as wait } from "node:timers/promises";
process.once("SIGTERM", () => process.exit(7));
process.stdout.write(JSON.stringify({ pid: process.pid, execArgv: process.execArgv, args: process.argv.slice(2) }));
if (process.argv[2] === "run") process.kill(process.pid, "SIGTERM"), await wait(10_000);
`;

interface Told {
  readonly pid: number;
  readonly execArgv: readonly string[];
  readonly args: readonly string[];
}

/** As it is installed: no sources beside it, and a build that tells how it was started. */
function installed(args: readonly string[], environment: Readonly<Record<string, string>> = {}, nodeArgs: readonly string[] = []) {
  const folder = mkdtempSync(path.join(tmpdir(), "maskline-bin-"));
  try {
    cpSync(bin, path.join(folder, "bin"), { recursive: true });
    mkdirSync(path.join(folder, "dist", "cli"), { recursive: true });
    writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(path.join(folder, "dist", "cli", "main.js"), tells);
    const { status, stdout, stderr, pid } = spawnSync(
      process.execPath,
      [...nodeArgs, path.join(folder, "bin", "maskline.js"), ...args],
      {
        env: { PATH: process.env["PATH"] ?? "", ...environment },
        encoding: "utf8",
      },
    );
    return { status, stderr, pid, told: JSON.parse(stdout) as Told };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const young = "--max-semi-space-size=16";

test(
  "what goes on for long is started with a bound on young objects, as the same process",
  { skip: process.platform === "win32" },
  () => {
    const { told, pid, status, stderr } = installed(["run", "--drain", "a b"], {}, ["--no-warnings"]);
    assert.deepEqual(told, { pid, execArgv: ["--no-warnings", young], args: ["run", "--drain", "a b"] });
    assert.deepEqual([status, stderr], [7, ""], "signals reach it, and nothing is said");
  },
);

test("what is soon over, and what was given a bound of its own, is started as it is", () => {
  assert.deepEqual(installed(["check"]).told.execArgv, []);
  assert.deepEqual(installed(["backfill"], { NODE_OPTIONS: "--max-semi-space-size=8" }).told.execArgv, []);
  assert.deepEqual(installed(["backfill"], {}, ["--max-semi-space-size=4"]).told.execArgv, ["--max-semi-space-size=4"]);
});

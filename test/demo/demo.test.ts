import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { addCounts, noCounts } from "../../src/pipeline/report.ts";

const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Processes that the demo started and that are still there. */
  readonly survivors: readonly string[];
}

/** Runs the demo as a user does; `onVoice` sees what it says while it runs, and may signal it. */
async function runDemo(
  folder: string,
  args: readonly string[],
  onVoice: (text: string, signal: (name: NodeJS.Signals) => void) => void = () => {},
): Promise<Ended> {
  // inherited by whatever it starts, so that survivors can be told from other tests' processes
  const mark = `DEMO_TEST_MARK=${randomUUID()}`;
  const [name = "", value = ""] = mark.split("=");
  const child = spawn(process.execPath, [main, "demo", ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, [name]: value },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    onVoice(stderr, (signal) => child.kill(signal));
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr, survivors: processesWith(mark) };
}

/** Linux only; elsewhere nothing is found and nothing is claimed. */
function processesWith(mark: string): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && entry !== String(process.pid))
    .filter((entry) => {
      try {
        return readFileSync(`/proc/${entry}/environ`, "utf8").includes(mark);
      } catch {
        return false;
      }
    });
}

suite("the demo", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "maskline-demo-test-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("prints one JSON object that adds up, and leaves nothing behind", { timeout: 60_000 }, async () => {
    const { code, stdout, stderr, survivors } = await runDemo(folder, ["--json", "--count", "600", "--seed", "3"]);
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout) as Record<string, number>;
    const outcomes = {
      loaded: result["loaded"] ?? -1,
      duplicate: result["duplicate"] ?? -1,
      quarantined: result["quarantined"] ?? -1,
      returned: result["returned"] ?? -1,
    };
    const { loaded, duplicate, quarantined, returned } = addCounts(noCounts, outcomes);
    assert.equal(result["received"], loaded + duplicate + quarantined + returned);
    assert.equal(result["sent"], 600);
    assert.equal(loaded + quarantined, 600, "every message sent is a row or in the quarantine");
    assert.ok(duplicate > 0, "some were delivered twice");
    assert.ok(quarantined > 0, "some were bad");
    assert.equal(result["difference"], 0);
    assert.equal(typeof result["seconds"], "number");
    assert.deepEqual(survivors, []);
    assert.deepEqual(readdirSync(folder), [], "nothing is written where it is started");
  });

  test("shows rows, duplicates, the quarantine and the ledger, and what to type next", { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await runDemo(folder, ["--count", "400"]);
    assert.equal(code, 0, stderr);
    for (const section of [
      "user_logins, the first rows",
      "duplicates: one masked_device_id",
      "duplicates: one masked_ip",
      "quarantine:",
      "ledger:",
      "reveal: one value brought back",
    ]) {
      assert.ok(stdout.includes(section), section);
    }
    assert.match(stdout, /masked_ip {2}[\w-]{40,} {2}-> {2}[\da-f.:]+\n.*audit.*\n.* intent .*\n.* result /, "with its audit rows");
    assert.match(stderr, /next: maskline demo --keep/);
    assert.doesNotMatch(stdout + stderr, /\d{3}-\d{2}-\d{4}/, "no device id in sight");
    assert.ok(!(stdout + stderr).includes("\u001B["), "no colours where there is no terminal");
  });

  for (const moment of ["maskline demo:", "started PostgreSQL", "sent "]) {
    test(`interrupted after it said "${moment}", it ends in order and leaves nothing behind`, { timeout: 60_000 }, async () => {
      let signalled = false;
      const { code, stderr, survivors } = await runDemo(folder, ["--count", "20000"], (voice, signal) => {
        if (signalled || !voice.includes(moment)) return;
        signalled = true;
        signal("SIGINT");
      });
      assert.equal(code, 130, stderr);
      assert.deepEqual(survivors, []);
    });
  }

  test("with --keep it serves until it is interrupted, and then leaves nothing behind", { timeout: 60_000 }, async () => {
    let signalled = false;
    const { code, stderr, survivors } = await runDemo(folder, ["--count", "50", "--keep"], (voice, signal) => {
      if (signalled || !voice.includes("Ctrl-C ends them")) return;
      signalled = true;
      signal("SIGINT");
    });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /psql 'postgres:\/\//);
    assert.deepEqual(survivors, []);
  });

  test("is not asked twice what it cannot do: a count that is no number is a usage error", async () => {
    const { code, stderr } = await runDemo(folder, ["--count", "many"]);
    assert.equal(code, 2);
    assert.match(stderr, /--count takes a whole number/);
  });
});

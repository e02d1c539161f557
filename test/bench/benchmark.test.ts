import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { Place } from "../../bench/rig/place.ts";
import type { ResultRow, Results } from "../../bench/rig/result.ts";
import type { RowPlan } from "../../bench/rig/workload.ts";
import { workloads } from "../../bench/workloads/workloads.ts";

const program = path.resolve(import.meta.dirname, "../../bench/run.ts");

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}

test("a small run ends with one JSON line of verified rows, and keeps all figures in a file", { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-bench-test-"));
  try {
    const out = path.join(folder, "result.json");
    const args = ["queue", "file", "stdio", "start", "--quick", "--rounds", "1", "--scale", "0.02", "--json", "--out", out];
    const { code, stdout, stderr } = await bench(...args);
    assert.equal(code, 0, stderr);
    const lines = stdout.trimEnd().split("\n");
    const rows = JSON.parse(lines.at(-1) ?? "") as readonly ResultRow[];
    for (const { workload, against, ratio, goal, met, rounds, ratios } of rows) {
      assert.ok(workload.length > 0 && against.length > 0);
      assert.ok(Number.isFinite(ratio) && ratio >= 0, `${workload}: ${ratio}`);
      assert.equal(met === null, goal === null);
      assert.deepEqual([rounds, ratios.length], [1, 1]);
    }
    const against = rows.map((row) => row.against);
    for (const name of ["SDK client at its defaults + the same loader", "sqs-consumer + pg, one INSERT a message", "400 ms"]) {
      assert.ok(against.includes(name), name);
    }
    const results = JSON.parse(await readFile(out, "utf8")) as Results;
    assert.deepEqual(results.rows, rows);
    const { machine, contestants, leftOut } = results;
    assert.ok(machine.cores > 0 && machine.postgres !== "" && machine.commit !== "");
    assert.ok(contestants.some(({ name, figures }) => name === "maskline" && (figures["consumerMicros"]?.median ?? 0) > 0));
    for (const { name, reason } of leftOut) assert.ok(stdout.includes(`left out: ${name}: ${reason}`), "what is left out is said");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("an unknown workload is told, and the list names every one", { timeout: 60_000 }, async () => {
  const unknown = await bench("quue");
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /there is no workload quue; --list shows them/);
  const { stdout } = await bench("--list");
  assert.deepEqual(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ")[0]),
    workloads.map(({ name }) => name),
  );
});

/** Issue "Speed", "What it must show": workload, against, direction and figure. */
const asked: readonly (readonly [RegExp, RegExp, RowPlan["better"], number])[] = [
  [/consumer CPU per message$/, /^SDK client at its defaults \+ the same loader$/, "higher", 4.5],
  [/consumer CPU per message$/, /^sqs-consumer \+ pg, one INSERT a message$/, "higher", 18],
  [/consumer CPU per message$/, /^the reference implementations' way \(Python\)$/, "higher", 35],
  [/consumer CPU per message$/, /^receive \+ delete alone, same transport \(limit\)$/, "lower", 2.5],
  [/messages per second, 20 ms injected latency, one process$/, /^the same with one receiver and one deleter$/, "higher", 15],
  [/^1 % of rows refused by a CHECK, time$/, /^none refused$/, "lower", 2.5],
  [/^1 % of rows refused by the contract, time$/, /^none refused$/, "lower", 1.1],
  [/^file -> Postgres, rows per second, one process/, /^psql \\copy text of the masked file$/, "higher", 0.9],
  [/^file -> Postgres, rows per second, one process/, /^psql \\copy binary of the masked file$/, "higher", 0.7],
  [/^cost per message at 10\^7$/, /^at 4 x 10\^5 \(warm\)$/, "lower", 1.1],
  [/^memory \(peak RSS\) at 10\^7 backlog$/, /^at 4 x 10\^5 \(warm\)$/, "lower", 1.1],
  [/^memory \(peak RSS\) at 10\^7 backlog, MB$/, /^256 MB$/, "lower", 256],
  [/^start-up to first receive/, /^400 ms$/, "lower", 400],
];

test(
  "every row that was asked for is there with its goal, and names contestants that are there",
  { timeout: 120_000 },
  async () => {
    await Place.with(async (place) => {
      const rows: RowPlan[] = [];
      for (const workload of workloads) {
        // the files' events are written when it is opened: a few are enough
        const scale = workload.name === "backlog" ? 1 : 0.000_1;
        for (const series of await workload.open({ place, quick: false, scale, say: () => {} })) {
          const known = [...series.contestants, ...series.missing].map(({ name }) => name);
          assert.equal(new Set(known).size, known.length);
          for (const row of series.rows) for (const name of row.of) assert.ok(known.includes(name), `${row.workload}: ${name}`);
          rows.push(...series.rows);
        }
      }
      for (const [workload, against, better, goal] of asked) {
        const found = rows.filter((row) => workload.test(row.workload) && against.test(row.against));
        assert.deepEqual(
          found.map((row) => [row.better, row.goal]),
          [[better, goal]],
          `${workload.source} against ${against.source}`,
        );
      }
      const names = rows.map((row) => `${row.workload} against ${row.against}`);
      assert.equal(new Set(names).size, names.length, "each row is told from all others");
    });
  },
);

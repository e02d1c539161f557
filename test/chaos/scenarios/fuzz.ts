import { Worker } from "node:worker_threads";

import { countRows } from "../../harness/login-table.ts";
import type { Workspace } from "../../harness/workspace.ts";
import { anyBody, draw } from "../fuzz/bodies.ts";
import { fuzzConfiguration, fuzzTable } from "../fuzz/contract.ts";
import type { FuzzNews, FuzzWork } from "../fuzz/worker.ts";
import { type Ground, openGround } from "../ground.ts";
import type { Bench, Scenario } from "../scenario.ts";

const batchSize = 1_000;
/** A batch takes a second or two. One that has said nothing for so long hangs. */
const silenceMs = 120_000;

/** Bodies of every kind through the real load, most of them in a thread of this process, a small share through a real one. */
export const fuzz: Scenario = {
  name: "fuzz",
  about: "fuzzed bodies through the real load: no crash, no hang, each accounted for once, no fault shows a value",
  least: { bodies: [100_000, 1_000_000] },
  run: async (bench) => {
    const ground = await openGround(bench);
    const options = { config: fuzzConfiguration, table: fuzzTable };
    await fuzzInThread(bench, await ground.open(options));
    await fuzzProcess(bench, ground, await ground.open(options));
  },
};

async function fuzzInThread(bench: Bench, place: Workspace): Promise<void> {
  const batches = bench.size(100, 1_000);
  const work: FuzzWork = { file: place.file, databaseUrl: place.databaseUrl, batches, batchSize, seed: bench.seed };
  const worker = new Worker(new URL("../fuzz/worker.ts", import.meta.url), { workerData: work });
  let current = bench.seed;
  const news = await new Promise<FuzzNews>((resolve, reject) => {
    let patience: NodeJS.Timeout | undefined;
    const listen = (): void => {
      clearTimeout(patience);
      patience = setTimeout(() => reject(new Error(`batch of seed ${current} hangs`)), silenceMs);
    };
    listen();
    worker.on("message", (message: FuzzNews) => {
      listen();
      if (message.kind === "begins") current = message.seed;
      else resolve(message);
    });
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error(`the thread ended in the batch of seed ${current}`)));
    bench.defer(async () => clearTimeout(patience));
  }).finally(() => void worker.terminate());
  if (news.kind === "failed") {
    bench.fail(`batch of seed ${news.seed}: ${news.error}`);
    if (news.body !== null) bench.say(`its first body at fault: ${JSON.stringify(news.body.slice(0, 2_000))}`);
  }
  if (news.kind !== "done") return;
  bench.figures.add("bodies", batches * batchSize);
  const { loaded, quarantined } = news.counts;
  bench.say(`${loaded} rows, ${quarantined} quarantined; slowest batch of ${batchSize} ${Math.round(news.slowestMs)} ms`);
  if (loaded === 0 || quarantined === 0) bench.fail("bodies of one kind only: they prove little");
}

/** What SQS takes as a message (API reference, SendMessage): XML characters, at least one. */
const sendable = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]+$/u;

async function fuzzProcess(bench: Bench, { queues }: Ground, place: Workspace): Promise<void> {
  const bodies = draw(anyBody, bench.size(2_000, 20_000), bench.seed).filter((body) => sendable.test(body));
  queues.send(place.queueUrl, bodies);
  const { code, stdout, stderr } = await place.maskline("run", "--drain", "--idle", "2s", "--json");
  if (code !== 0) return bench.fail(`the process ended with ${code}: ${stderr}`);
  const { received, loaded, quarantined } = JSON.parse(stdout) as Record<string, number>;
  const [rows, refused] = [await countRows(place.database, "fuzzed"), await countRows(place.database, "maskline.quarantine")];
  const inTables = [bodies.length, rows, refused].join();
  if ([received, loaded, quarantined].join() !== inTables || rows + refused !== bodies.length)
    bench.fail(`sent, rows, quarantined ${inTables}; the process says ${received}, ${loaded}, ${quarantined}`);
  bench.figures.add("bodies", bodies.length);
  bench.say(`${bodies.length} through a process: ${rows} rows, ${refused} quarantined`);
}

import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { starterConfig } from "../../../src/app/starter.ts";
import { sampleEvents } from "../../../src/demo/sample.ts";
import { countRows } from "../../harness/login-table.ts";
import { startMaskline, type RunningCommand, type Workspace } from "../../harness/workspace.ts";
import { type Ground, openGround } from "../ground.ts";
import { type ProcessMemory, watchMemory } from "../process-memory.ts";
import type { Bench, Scenario } from "../scenario.ts";

const mebibyte = 1_048_576;
/** Of the container that the default configuration is made for. */
const ceilingBytes = 256 * mebibyte;
const mostSlope = 0.05;
/**
 * V8 keeps pages that it needs no more for the next time, 14 MiB of them in a run whose heap came back to the same 22 MiB again and again: in a
 * short run that they fall into, growth by no more than this is no growth.
 */
const pooledBytes = 16 * mebibyte;
/** Longer than a drain of any size here: nothing is handed out twice, and the queue is seen to be empty by its counts. */
const visibilitySeconds = 600;
const outageMs = 10_000;

/** The memory of a real process under the default configuration, whatever the backlog and however large its messages are. */
export const memory: Scenario = {
  name: "memory",
  about: "memory stays below 256 MiB and does not grow: many messages, messages of 1 MiB, and those held through an outage",
  least: {},
  run: async (bench) => {
    const ground = await openGround(bench);
    await many(bench, ground);
    await large(bench, ground, "Latin", (login) => withRest(login, "x"));
    // one character beyond Latin-1 makes the whole text two bytes a character in memory
    await large(bench, ground, "beyond Latin", (login) => withRest(login, "\u20ac"));
    await heldThroughOutage(bench, ground);
  },
};

async function many(bench: Bench, ground: Ground): Promise<void> {
  const place = await open(ground);
  const count = bench.size(100_000, 1_000_000);
  ground.queues.send(place.queueUrl, logins(bench, count));
  const command = drain(place);
  judge(bench, `${count} messages`, await watchMemory(command.processId, command.finished, busy(ground, place)));
  await wholeTable(bench, place, command, count);
}

async function large(bench: Bench, ground: Ground, name: string, body: (login: string) => string): Promise<void> {
  const place = await open(ground);
  const count = bench.size(300, 3_000);
  ground.queues.send(place.queueUrl, logins(bench, count).map(body));
  const command = drain(place);
  judge(bench, `${count} messages of 1 MiB, ${name}`, await watchMemory(command.processId, command.finished, busy(ground, place)));
  await wholeTable(bench, place, command, count);
}

/** The database goes away in the middle of large messages: what is held stays as it is, and is loaded when the database is back. */
async function heldThroughOutage(bench: Bench, ground: Ground): Promise<void> {
  const place = await open(ground);
  const count = 200;
  ground.queues.send(
    place.queueUrl,
    logins(bench, count).map((login) => withRest(login, "x")),
  );
  const command = drain(place);
  const watched = watchMemory(command.processId, command.finished);
  while (ground.queues.messages(place.queueUrl).length === count) await pause(5);
  await ground.postgres.shutDown();
  await pause(outageMs);
  const held = ground.queues.messages(place.queueUrl).filter(({ inFlight }) => inFlight).length;
  await ground.postgres.start();
  const { peakBytes } = await watched;
  bench.say(`${held} messages of 1 MiB held through an outage: peak ${inMebibytes(peakBytes)}`);
  if (peakBytes > ceilingBytes) bench.fail(`the peak is ${inMebibytes(peakBytes)}`);
  await wholeTable(bench, place, command, count);
}

function open(ground: Ground): Promise<Workspace> {
  return ground.open({ config: starterConfig, visibilitySeconds });
}

/** As the image runs it: under the options of its Dockerfile. */
function drain({ folder }: Workspace): RunningCommand {
  const dockerfile = readFileSync(path.resolve(import.meta.dirname, "../../../Dockerfile"), "utf8");
  const options = /NODE_OPTIONS="([^"]+)"/.exec(dockerfile)?.[1];
  if (options === undefined) throw new Error("the Dockerfile has no NODE_OPTIONS");
  return startMaskline(folder, ["run", "--drain", "--idle", "1s"], { NODE_OPTIONS: options });
}

/** Whether the process has work: it has received and has not deleted all. */
function busy({ queues }: Ground, { queueUrl }: Workspace): () => boolean {
  const atStart = queues.counters.deliveries;
  return () => queues.counters.deliveries > atStart && queues.messages(queueUrl).length > 0;
}

function judge(bench: Bench, what: string, { peakBytes, slope, grownBytes, looks }: ProcessMemory): void {
  bench.say(`${what}: peak ${inMebibytes(peakBytes)}, slope ${(100 * slope).toFixed(1)} % in ${looks} looks`);
  if (peakBytes > ceilingBytes) bench.fail(`${what}: the peak is ${inMebibytes(peakBytes)}`);
  if (slope > mostSlope && (bench.nightly || grownBytes > pooledBytes))
    bench.fail(`${what}: memory grows by ${(100 * slope).toFixed(1)} %`);
}

async function wholeTable(bench: Bench, { database }: Workspace, command: RunningCommand, count: number): Promise<void> {
  const { code, signal, stderr } = await command.finished;
  if (code !== 0) bench.fail(`the run ended with ${signal ?? code}: ${stderr.slice(-500)}`);
  const rows = await countRows(database, "user_logins");
  if (rows !== count) bench.fail(`${rows} rows of ${count} messages`);
}

function logins(bench: Bench, count: number): string[] {
  const events = sampleEvents({ count: 2 * count, seed: bench.seed });
  const bodies: string[] = [];
  for (const { kind, body } of events) if (kind === "login" && bodies.push(body) === count) break;
  return bodies;
}

/** As large as SQS takes a message, and as the contract takes a body by default. */
function withRest(login: string, first: string): string {
  const start = `${login.slice(0, -1)}, "rest": "${first}`;
  return `${start}${"y".repeat(mebibyte - Buffer.byteLength(start) - 2)}"}`;
}

function inMebibytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(0)} MiB`;
}

import { planRekey, type RekeyPlan, rekeyTable } from "../../app/keys/rekey.ts";
import { MasklineError } from "../../errors.ts";
import { showTable } from "../../postgres/names.ts";
import type { RekeyResult } from "../../recovery/rekey.ts";
import type { WalkProgress } from "../../recovery/walk.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import type { Output } from "../output.ts";
import { meter } from "../progress.ts";
import { settingsOf } from "../settings.ts";
import { count, formatTable } from "../table.ts";

const defaultBatchRows = 5_000;

export const keysRekey: Command = {
  stopsInOrder: true,
  flags: {
    ...configFlags,
    rate: { value: "N", doc: "change at most so many rows a second (default: as fast as the database goes)" },
    batch: { value: "N", doc: `about so many rows a transaction (default ${defaultBatchRows})` },
    "max-duration": { value: "TIME", doc: "stop after this time, in order (exit code 5); the next call goes on from there" },
    "dry-run": { doc: "count rows by key, show who writes with which, change nothing" },
  },
  about: `Walks the contract's table and masks every siv token under the ring's primary key, those inside JSON documents and scanned texts
too, all columns together. Safe beside running pipelines and their users: a row that someone else changes is left to the next pass.
Interrupt or kill it at any time: what is done stays done, and the next call goes on. It waits until no process writes with an old key,
closes that key, and ends when no row holds a token of it. Progress in SQL: SELECT left(COLUMN, 6), count(*) FROM TABLE GROUP BY 1.`,
  examples: [
    ["maskline keys rekey --dry-run", "what there is to do"],
    ["maskline keys rekey", "all of it"],
    ["maskline keys rekey --rate 2000 --max-duration 4h", "gently, for a nightly job"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    if (call.has("dry-run")) return showPlan(call.output, await planRekey(settings));
    const stop = stopSignal(call);
    const progress = new RekeyProgress(call.output);
    const result = await rekeyTable(settings, {
      batchRows: call.number("batch", 1) ?? defaultBatchRows,
      rowsPerSecond: call.number("rate", 1) ?? Infinity,
      stop,
      report: (event) => progress.show(event),
      onWaiting: (writers) => progress.waiting(writers),
      onTarget: (keyId) => call.output.say(`towards root key ${keyId}`),
    });
    conclude(call.output, result);
  },
};

function stopSignal(call: Call): AbortSignal {
  const limitMs = call.durationMs("max-duration");
  return limitMs === null ? call.stop : AbortSignal.any([call.stop, AbortSignal.timeout(limitMs)]);
}

function showPlan(output: Output, { toKey, counts, replicas }: RekeyPlan): void {
  if (output.json) {
    return output.document({ toKey, counts: counts.map(({ table, ...rest }) => ({ table: showTable(table), ...rest })), replicas });
  }
  const lines = formatTable(
    [
      { title: "table", value: ({ table }) => showTable(table) },
      { title: "column", value: ({ column }) => column },
      { title: "root key", value: ({ keyId }) => String(keyId) },
      { title: "rows", value: ({ rows }) => rows },
      { title: "", value: ({ keyId, rows }) => (keyId === toKey || rows === 0 ? "" : "to be rekeyed") },
    ],
    counts,
  );
  for (const line of lines) output.data(line);
  for (const { run, pipeline, keyId, silentSeconds } of replicas) {
    output.data(`run ${run} of pipeline ${pipeline} writes with key ${keyId} (heard of ${count(Math.round(silentSeconds))} s ago)`);
  }
  output.say(`nothing was changed; maskline keys rekey brings this contract's table under root key ${toKey}`);
}

function conclude(output: Output, { toKey, changed, unopened, examples, drained, holders }: RekeyResult & { toKey: number }): void {
  const complete = unopened === 0 && holders.length === 0;
  const opened = examples.map(({ place, column, keyId, failure }) => `row ${place}, column ${column}: key ${keyId}, ${failure}`);
  if (!complete) {
    throw new MasklineError(
      "rekey_unfinished",
      `${count(changed)} rows are under root key ${toKey} now; ${unopened === 0 ? "others are not" : `${count(unopened)} tokens do not open and were left as they are`}`,
      {
        details: [...opened, ...(unopened > examples.length ? [`and ${count(unopened - examples.length)} more`] : []), ...holders],
        next:
          unopened === 0
            ? "maskline keys rekey, once for each contract whose table is named above"
            : "look at those rows (ctid = their place): an altered token, or one of a key that this ring does not hold or has disabled",
      },
    );
  }
  if (output.json) return output.document({ toKey, changed, drained });
  output.say(`every row is under root key ${toKey}: ${count(changed)} rows were changed`);
  for (const id of drained) output.say(`no row holds a token of root key ${id} any more. next: maskline keys disable ${id}`);
}

const refreshAfterMs = 100;

/** One line that is rewritten: how far the pass is, how fast, and how long it will still take. */
class RekeyProgress {
  readonly #output: Output;
  #pass = 0;
  #passStartedAtMs = 0;
  #blocksBefore = 0;
  #shownAtMs = 0;
  #waitingFor = "";

  constructor(output: Output) {
    this.#output = output;
  }

  show({ pass, blocksDone, blocksTotal, changed, unopened }: WalkProgress): void {
    const nowMs = performance.now();
    if (pass !== this.#pass) {
      this.#pass = pass;
      this.#passStartedAtMs = nowMs;
      // taken up in the middle: what an earlier process did says nothing about the speed of this one
      this.#blocksBefore = blocksDone;
    }
    if (nowMs - this.#shownAtMs < refreshAfterMs) return;
    this.#shownAtMs = nowMs;
    const seconds = Math.max(0.001, (nowMs - this.#passStartedAtMs) / 1_000);
    const blocksPerSecond = (blocksDone - this.#blocksBefore) / seconds;
    const left = blocksPerSecond > 0 ? `  ${duration((blocksTotal - blocksDone) / blocksPerSecond)} left` : "";
    const trouble = unopened === 0 ? "" : `  ${count(unopened)} do not open`;
    this.#output.progress(
      `${meter(blocksTotal === 0 ? 1 : blocksDone / blocksTotal)} pass ${pass}  ${count(changed)} rows  ${count(Math.round(changed / seconds))}/s${left}${trouble}`,
    );
  }

  waiting(writers: readonly string[]): void {
    const told = writers.map((line) => line.replace(/ \(heard of .*\)$/, "")).join("\n");
    if (told === this.#waitingFor) return;
    this.#waitingFor = told;
    for (const line of writers) this.#output.say(`waiting: ${line}`);
  }
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 90) return `${whole} s`;
  return whole < 5_400 ? `${Math.ceil(whole / 60)} min` : `${count(Math.round(whole / 360) / 10)} h`;
}

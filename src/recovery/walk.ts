import { MasklineError } from "../errors.ts";
import type { Clock } from "../pipeline/clock.ts";
import type { RekeyStore, StepResult, TablePart, WalkPosition } from "./rekey-store.ts";
import { type RekeyColumn, remask, type UnopenedToken } from "./remask.ts";

export interface WalkOptions {
  /** About so many rows a transaction. */
  readonly batchRows: number;
  /** Infinity for no limit. */
  readonly rowsPerSecond: number;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  readonly report: (progress: WalkProgress) => void;
}

export interface WalkProgress {
  readonly pass: number;
  /** Blocks of this pass. */
  readonly blocksDone: number;
  readonly blocksTotal: number;
  /** Rows of this pass, since this process took it up. */
  readonly changed: number;
  readonly unopened: number;
}

/** What a pass over the whole table came to. */
export interface PassResult {
  readonly changed: number;
  readonly unopened: number;
  /** The first few of those that did not open. */
  readonly examples: readonly UnopenedToken[];
}

const mostExamples = 20;

/** A row that holds a token is at least so long that no more fit into a block of 8 kB: what turns rows into blocks. */
const mostRowsABlock = 100;

/** Pauses after the database asked to try again, before jitter. */
const busyPausesMs = [50, 200, 800, 3_200];

/** Walks the table once from `from` (null: its start), all columns with tokens together. Ends between two steps when `stop` is aborted. */
export async function walkPass(
  store: RekeyStore,
  columns: readonly RekeyColumn[],
  pass: number,
  from: WalkPosition | null,
  options: WalkOptions,
): Promise<PassResult> {
  const parts = await patiently(() => store.parts(), options);
  const taken = from !== null && from.pass === pass && parts.some(({ name }) => name === from.part) ? from : null;
  if (taken === null) await patiently(() => store.restart(pass), options);
  const stepBlocks = Math.max(1, Math.round(options.batchRows / mostRowsABlock));
  const blocksTotal = parts.reduce((sum, { blocks }) => sum + blocks, 0);
  const examples: UnopenedToken[] = [];
  let unopened = 0;
  let changed = 0;
  for (const [index, part] of parts.entries()) {
    if (taken !== null && index < parts.findIndex(({ name }) => name === taken.part)) continue;
    const before = parts.slice(0, index).reduce((sum, { blocks }) => sum + blocks, 0);
    for (const position of positions(part, pass, taken, stepBlocks)) {
      if (options.stop.aborted) throw stopped();
      const startedAtMs = options.clock.now();
      const until = Math.min(position.block + stepBlocks, part.blocks);
      const step = await patiently(() => store.step(position, until, (rows) => remask(columns, rows)), options);
      changed += step.changed;
      unopened += step.unopened.length;
      examples.push(...step.unopened.slice(0, mostExamples - examples.length));
      options.report({ pass, blocksDone: before + until, blocksTotal, changed, unopened });
      await pace(step, options.clock.now() - startedAtMs, options);
    }
  }
  return { changed, unopened, examples };
}

function* positions(part: TablePart, pass: number, taken: WalkPosition | null, step: number): Generator<WalkPosition> {
  const first = taken?.part === part.name ? taken.block : 0;
  for (let block = first; block < part.blocks; block += step) yield { pass, part: part.name, block };
}

/** Waits out what is left of the time that so many rows may take. */
async function pace({ changed }: StepResult, tookMs: number, { rowsPerSecond, clock, stop }: WalkOptions): Promise<void> {
  const owedMs = (changed / rowsPerSecond) * 1_000 - tookMs;
  if (owedMs > 0) await clock.sleep(owedMs, stop);
}

/** What waits longer for a lock than a transaction may is tried again: a long load, or a change of the table, is no end. */
export async function patiently<T>(attempt: () => Promise<T>, { clock, stop }: Pick<WalkOptions, "clock" | "stop">): Promise<T> {
  for (const pauseMs of busyPausesMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof MasklineError) || error.code !== "database_busy" || stop.aborted) throw error;
      await clock.sleep(pauseMs * (0.5 + clock.random()), stop);
    }
  }
  return attempt();
}

export function stopped(): MasklineError {
  return new MasklineError("rekey_unfinished", "stopped before every row was under the new key; what is done stays done", {
    next: "maskline keys rekey goes on where it stopped",
  });
}

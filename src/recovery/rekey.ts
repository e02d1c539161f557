import { MasklineError } from "../errors.ts";
import { type KeyStanding, mayHaveRows, primaryOf } from "../keys/key-standing.ts";
import type { RekeyStore } from "./rekey-store.ts";
import type { RekeyColumn } from "./remask.ts";
import { type PassResult, patiently, stopped, walkPass, type WalkOptions } from "./walk.ts";

/** The keys of a ring in a database, and what still uses them. */
export interface KeyUse {
  standing(): Promise<readonly KeyStanding[]>;
  /** Running processes that write with one of these keys, a line each for people. */
  writers(keyIds: readonly number[]): Promise<readonly string[]>;
  /** No load may write with them once this returns. */
  close(keyIds: readonly number[]): Promise<void>;
  /** Rows that hold tokens of them, in every column that tokens are written to: a line for each such column, [] when there is none. */
  holders(keyIds: readonly number[]): Promise<readonly string[]>;
  /** Notes that no row holds their tokens; false when another key has been announced meanwhile. */
  drain(keyIds: readonly number[]): Promise<boolean>;
}

export interface RekeyOptions extends WalkOptions {
  /** Told again and again while processes still write with an old key. */
  readonly onWaiting: (writers: readonly string[]) => void;
}

export interface RekeyResult {
  readonly changed: number;
  readonly unopened: number;
  readonly examples: PassResult["examples"];
  /** The keys that no row holds tokens of any more. */
  readonly drained: readonly number[];
  /** What still holds tokens of older keys: rows that do not open, or other tables. */
  readonly holders: readonly string[];
}

/** How often it is looked whether the last process has left an old key. */
const waitMs = 2_000;

/**
 * Brings every row of a table under the key of its columns. The table is walked first, while loads under the old keys may go on; then,
 * when no running process writes with an old key any more, those are closed, and what came in meanwhile is walked once more. The old
 * keys are drained when, closed, no row holds a token of them: that cannot change any more.
 * @throws MasklineError `rekey_unfinished` when stopped, `key_retired` when the ring is rotated again meanwhile
 */
export async function rekey(
  store: RekeyStore,
  impatient: KeyUse,
  columns: readonly RekeyColumn[],
  toKey: number,
  options: RekeyOptions,
): Promise<RekeyResult> {
  const use = patientUse(impatient, options);
  let position = await patiently(() => store.begin(toKey), options);
  let changed = 0;
  for (let pass = position?.pass ?? 1; ; pass += 1) {
    const walked = await walkPass(store, columns, pass, position, options);
    position = null;
    changed += walked.changed;
    const { old, past } = await oldKeys(use, toKey);
    const open = old.filter(({ standing }) => standing === "open").map(({ id }) => id);
    if (open.length > 0) {
      await untilNobodyWrites(use, open, options);
      await use.close(open);
      continue;
    }
    const ids = old.map(({ id }) => id);
    const holders = await use.holders(ids);
    const drained = holders.length === 0 && (await use.drain(ids));
    if (holders.length === 0 && !drained) continue;
    // rows that the walk had left because someone changed them are found by the next pass; those that do not open never change
    if (!drained && walked.changed > 0) continue;
    // restored from a backup, or of a key that was taken back: what has been drained once may have rows again
    const returned = past.length === 0 ? [] : await use.holders(past);
    await patiently(() => store.finish(), options);
    const { unopened, examples } = walked;
    return { changed, unopened, examples, drained: drained ? ids : [], holders: [...holders, ...returned] };
  }
}

/** Those that rows may hold tokens of, and those of which none was left once. */
async function oldKeys(
  use: KeyUse,
  toKey: number,
): Promise<{ readonly old: readonly KeyStanding[]; readonly past: readonly number[] }> {
  const keys = await use.standing();
  if (primaryOf(keys) !== toKey) {
    throw new MasklineError("key_retired", `key ${toKey} is no longer the one to write with: the ring was rotated again`, {
      next: "maskline keys rekey, with the ring as it is now",
    });
  }
  const past = keys.filter((key) => !mayHaveRows(key) && key.standing !== "destroyed").map(({ id }) => id);
  return { old: keys.filter((key) => mayHaveRows(key) && key.id !== toKey), past };
}

async function untilNobodyWrites(use: KeyUse, keyIds: readonly number[], { clock, stop, onWaiting }: RekeyOptions): Promise<void> {
  for (;;) {
    const writers = await use.writers(keyIds);
    if (writers.length === 0) return;
    onWaiting(writers);
    await clock.sleep(waitMs, stop);
    if (stop.aborted) throw stopped();
  }
}

function patientUse(use: KeyUse, options: WalkOptions): KeyUse {
  return {
    standing: () => patiently(() => use.standing(), options),
    writers: (keyIds) => patiently(() => use.writers(keyIds), options),
    close: (keyIds) => patiently(() => use.close(keyIds), options),
    holders: (keyIds) => patiently(() => use.holders(keyIds), options),
    drain: (keyIds) => patiently(() => use.drain(keyIds), options),
  };
}

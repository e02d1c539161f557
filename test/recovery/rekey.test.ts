import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { MasklineError } from "../../src/errors.ts";
import type { KeyStanding, Standing } from "../../src/keys/key-standing.ts";
import type { RekeyStore, WalkPosition } from "../../src/recovery/rekey-store.ts";
import { type KeyUse, rekey, type RekeyOptions, type RekeyResult } from "../../src/recovery/rekey.ts";
import type { WalkProgress } from "../../src/recovery/walk.ts";

/** A table of so many blocks, and what happens at each step: the rows that are changed there. */
class MemoryTable implements RekeyStore {
  readonly steps: WalkPosition[] = [];
  readonly restarts: number[] = [];
  finished = false;
  readonly #blocks: readonly (readonly [name: string, blocks: number])[];
  readonly #left: WalkPosition | null;
  readonly #change: (at: WalkPosition) => number;

  constructor(
    blocks: readonly (readonly [string, number])[],
    change: (at: WalkPosition) => number = ({ pass }) => (pass === 1 ? 10 : 0),
    left: WalkPosition | null = null,
  ) {
    this.#blocks = blocks;
    this.#left = left;
    this.#change = change;
  }

  async parts(): ReturnType<RekeyStore["parts"]> {
    return this.#blocks.map(([name, blocks]) => ({ name, blocks }));
  }

  async begin(): Promise<WalkPosition | null> {
    return this.#left;
  }

  async step(from: WalkPosition): ReturnType<RekeyStore["step"]> {
    this.steps.push(from);
    return { changed: this.#change(from), unopened: [] };
  }

  async restart(pass: number): Promise<void> {
    this.restarts.push(pass);
  }

  async finish(): Promise<void> {
    this.finished = true;
  }
}

/** Two keys; `writers` says, each time it is asked, who writes with the older one. */
class MemoryUse implements KeyUse {
  readonly keys: { id: number; standing: Standing }[];
  readonly log: string[] = [];
  readonly #writers: string[][];
  readonly #holders: string[][];

  constructor(writers: string[][] = [], holders: string[][] = [], older: Standing = "open") {
    this.keys = [
      { id: 1, standing: older },
      { id: 2, standing: "open" },
    ];
    this.#writers = writers;
    this.#holders = holders;
  }

  async standing(): Promise<readonly KeyStanding[]> {
    return this.keys;
  }

  async writers(keyIds: readonly number[]): Promise<readonly string[]> {
    this.log.push(`writers of ${keyIds.join()}`);
    return this.#writers.shift() ?? [];
  }

  async close(keyIds: readonly number[]): Promise<void> {
    this.log.push(`close ${keyIds.join()}`);
    for (const key of this.keys) if (keyIds.includes(key.id)) key.standing = "closed";
  }

  async holders(keyIds: readonly number[]): Promise<readonly string[]> {
    this.log.push(`holders of ${keyIds.join()}`);
    return this.#holders.shift() ?? [];
  }

  async drain(keyIds: readonly number[]): Promise<boolean> {
    this.log.push(`drain ${keyIds.join()}`);
    return true;
  }
}

function go(table: MemoryTable, use: KeyUse, options: Partial<RekeyOptions> = {}): Promise<RekeyResult> {
  return rekey(table, use, [], 2, {
    batchRows: 200,
    rowsPerSecond: Infinity,
    clock: { now: () => 0, elapsed: () => 0, sleep: async () => {}, random: () => 0.5 },
    stop: new AbortController().signal,
    report: () => {},
    onWaiting: () => {},
    ...options,
  });
}

function refuses(code: MasklineError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof MasklineError && error.code === code;
}

suite("the order of a rekey", () => {
  test("walk, close, walk what came in meanwhile, look, drain", async () => {
    const table = new MemoryTable([["t", 4]]);
    const use = new MemoryUse();
    const result = await go(table, use);
    assert.deepEqual(use.log, ["writers of 1", "close 1", "holders of 1", "drain 1"]);
    assert.deepEqual(
      table.steps.map(({ pass, block }) => [pass, block]),
      [
        [1, 0],
        [1, 2],
        [2, 0],
        [2, 2],
      ],
    );
    assert.deepEqual([result.changed, result.drained, table.finished], [20, [1], true]);
  });

  test("nothing is closed while a process writes with the old key, and who that is, is told", async () => {
    const use = new MemoryUse([["one", "two"], ["two"]]);
    const told: string[] = [];
    await go(new MemoryTable([["t", 1]]), use, { onWaiting: (writers) => void told.push(writers.join()) });
    assert.deepEqual(told, ["one,two", "two"]);
    assert.deepEqual(use.log, ["writers of 1", "writers of 1", "writers of 1", "close 1", "holders of 1", "drain 1"]);
  });

  test("it can be stopped while it waits, and between two steps", async () => {
    const stop = new AbortController();
    const use = new MemoryUse([["one"]]);
    const waiting = go(new MemoryTable([["t", 1]]), use, { stop: stop.signal, onWaiting: () => stop.abort() });
    await assert.rejects(waiting, refuses("rekey_unfinished"));
    assert.doesNotMatch(use.log.join(), /close/);

    const second = new AbortController();
    const table = new MemoryTable([["t", 8]]);
    const walking = go(table, new MemoryUse(), {
      stop: second.signal,
      report: ({ blocksDone }) => blocksDone === 4 && second.abort(),
    });
    await assert.rejects(walking, refuses("rekey_unfinished"));
    assert.equal(table.steps.length, 2);
    assert.equal(table.finished, false);
  });

  test("rows that are left are walked again as long as walking changes any; then it ends and says where they are", async () => {
    const table = new MemoryTable([["t", 1]], ({ pass }) => (pass < 4 ? 1 : 0));
    const use = new MemoryUse([], [["left"], ["left"], ["left"], ["left"]], "closed");
    const result = await go(table, use);
    assert.deepEqual(result.holders, ["left"]);
    assert.deepEqual(result.drained, []);
    assert.equal(table.steps.length, 4);
    assert.doesNotMatch(use.log.join(), /drain/);
  });

  test("rows of a key that had none left once are told, but not those of one that is destroyed", async () => {
    const use = new MemoryUse([], [[], ["restored"]], "drained");
    use.keys.unshift({ id: 7, standing: "destroyed" }, { id: 8, standing: "disabled" }, { id: 9, standing: "closed" });
    const result = await go(new MemoryTable([["t", 1]]), use);
    assert.deepEqual(use.log, ["holders of 9", "drain 9", "holders of 8,1"]);
    assert.deepEqual([result.holders, result.drained], [["restored"], [9]]);
  });

  test("once a newer key has been announced, this walk ends without closing anything", async () => {
    const use = new MemoryUse();
    use.keys.push({ id: 3, standing: "open" });
    await assert.rejects(go(new MemoryTable([["t", 1]]), use), refuses("key_retired"));
    assert.deepEqual(use.log, []);
  });
});

suite("the walk", () => {
  test("goes on where an earlier one was left, in its part; a part that is gone means the start", async () => {
    const parts: readonly (readonly [string, number])[] = [
      ["a", 4],
      ["b", 4],
      ["c", 2],
    ];
    const left = { pass: 1, part: "b", block: 2 };
    const table = new MemoryTable(parts, undefined, left);
    await go(table, new MemoryUse([], [], "closed"));
    assert.deepEqual(
      table.steps.map(({ part, block }) => `${part}${block}`),
      ["b2", "c0"],
    );
    const other = new MemoryTable(parts, undefined, { ...left, part: "gone" });
    await go(other, new MemoryUse([], [], "closed"));
    assert.equal(other.steps[0]?.part, "a");
    assert.deepEqual(other.restarts, [1]);
  });

  test("tells how far it is, over all parts", async () => {
    const seen: WalkProgress[] = [];
    const table = new MemoryTable([
      ["a", 3],
      ["b", 1],
    ]);
    await go(table, new MemoryUse([], [], "closed"), { report: (progress) => void seen.push(progress) });
    assert.deepEqual(
      seen.map(({ blocksDone, blocksTotal, changed }) => [blocksDone, blocksTotal, changed]),
      [
        [2, 4, 10],
        [3, 4, 20],
        [4, 4, 30],
      ],
    );
  });

  test("keeps to its rate: a step that was too fast is waited out, a slow one is not", async () => {
    let nowMs = 0;
    const slept: number[] = [];
    const clock = {
      now: () => (nowMs += 30),
      elapsed: () => 0,
      sleep: async (ms: number) => void slept.push(ms),
      random: () => 0.5,
    };
    // 10 rows at 100 a second are 100 ms; a step took 30
    await go(new MemoryTable([["t", 4]]), new MemoryUse([], [], "closed"), { rowsPerSecond: 100, clock });
    assert.deepEqual(slept, [70, 70]);
    slept.length = 0;
    await go(new MemoryTable([["t", 4]]), new MemoryUse([], [], "closed"), { rowsPerSecond: 1_000, clock });
    assert.deepEqual(slept, []);
  });

  test("a database that asks to try again is asked again; one that is away ends the walk", async () => {
    let failures = 2;
    const failing = (code: MasklineError["code"]) => (): number => {
      if (failures-- > 0) throw new MasklineError(code, "as asked");
      return 1;
    };
    const result = await go(new MemoryTable([["t", 2]], failing("database_busy")), new MemoryUse([], [], "closed")).catch(
      () => null,
    );
    assert.equal(result?.drained[0], 1);
    failures = 1;
    await assert.rejects(
      go(new MemoryTable([["t", 2]], failing("database_unreachable")), new MemoryUse()),
      refuses("database_unreachable"),
    );
  });

  test("so it is between the walks: a key is closed and drained when the load that held the lock has ended", async () => {
    const busy = (use: MemoryUse, names: readonly (keyof KeyUse)[]): KeyUse => {
      const refused = new Set<string>();
      const once = <T>(name: keyof KeyUse, work: () => Promise<T>): Promise<T> => {
        if (!names.includes(name) || refused.has(name)) return work();
        refused.add(name);
        return Promise.reject(new MasklineError("database_busy", "as asked"));
      };
      return {
        standing: () => once("standing", () => use.standing()),
        writers: (ids) => once("writers", () => use.writers(ids)),
        close: (ids) => once("close", () => use.close(ids)),
        holders: (ids) => once("holders", () => use.holders(ids)),
        drain: (ids) => once("drain", () => use.drain(ids)),
      };
    };
    for (const names of [["close"], ["drain"], ["standing", "writers", "holders"]] as const) {
      const use = new MemoryUse();
      const result = await go(new MemoryTable([["t", 1]]), busy(use, names));
      assert.deepEqual(result.drained, [1], names.join());
      assert.deepEqual(use.log, ["writers of 1", "close 1", "holders of 1", "drain 1"]);
    }
  });
});

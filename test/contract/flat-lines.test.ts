import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { describe, test } from "node:test";

import { compileContract } from "../../src/contract/check.ts";
import type { Contract } from "../../src/contract/column.ts";
import { compileFlatLines, type FlatLines } from "../../src/contract/flat-lines.ts";
import { TextColumn } from "../../src/contract/text-column.ts";
import { loginGenerator } from "../../src/demo/sample-login.ts";
import { sampleRandom } from "../../src/demo/sample-random.ts";
import { contract, incoming, loginContract } from "./contracts.ts";
import { damaged, randomContract, randomLine } from "./random-lines.ts";

/** More of them: `FLAT_LINES=1000000 node --test ...`. */
const cases = Number(process.env["FLAT_LINES"] ?? 30_000);

/** Without the columns that a line has nothing for. */
const lineContract = contract(loginContract.columns.filter(({ from }) => !from.startsWith("$")));

function flatOf(of: Contract): FlatLines {
  const flat = compileFlatLines(of);
  assert.ok(flat !== null);
  return flat;
}

/** What the general way makes of a line: a row, or null where it is refused. */
function rowOf(check: ReturnType<typeof compileContract>, line: Buffer): readonly (string | null)[] | null {
  if (!isUtf8(line)) return null;
  const checked = check(incoming(line.toString()));
  return "values" in checked ? checked.values : null;
}

class Lines {
  readonly #flat: FlatLines;
  readonly columns: readonly TextColumn[];

  constructor(of: Contract) {
    this.#flat = flatOf(of);
    this.columns = of.columns.map(() => new TextColumn());
  }

  /** The row that was added, or null. */
  read(bytes: Buffer, start = 0, end: number = bytes.length): readonly (string | null)[] | null {
    const rows = this.columns[0]?.count ?? 0;
    const isRead = this.#flat.read(bytes, start, end, this.columns);
    for (const each of this.columns) assert.equal(each.count, isRead ? rows + 1 : rows, "a row in every column, or in none");
    return isRead ? this.columns.map((each) => each.at(rows)) : null;
  }
}

describe("a line that is read from its bytes", () => {
  test("becomes the row that the check makes of it, whatever it looks like; any other is left alone", () => {
    const random = sampleRandom(5);
    const seen = { lines: 0, read: 0, wrong: 0 };
    while (seen.lines < cases) {
      const shape = randomContract(random);
      const check = compileContract(shape);
      const lines = new Lines(shape);
      for (let count = 0; count < 100; count += 1) {
        const whole = randomLine(random, shape);
        const line = random.chance(0.3) ? damaged(random, whole) : whole;
        const before = random.below(9);
        const behind = Buffer.from(random.pick(["", "\n", '}\n{"a":1}', '"', "0", " "]));
        const bytes = Buffer.concat([Buffer.alloc(before, '{"'), line, behind]);
        const expected = rowOf(check, line);
        const found = lines.read(bytes, before, before + line.length);
        seen.lines += 1;
        if (expected === null) seen.wrong += 1;
        if (found === null) continue;
        seen.read += 1;
        assert.deepEqual(found, expected, `${line.toString("latin1")} by ${JSON.stringify(shape.columns)}`);
      }
    }
    // a reader that leaves everything to the other one would be right too, and of no use
    assert.ok(seen.read > 0.6 * (seen.lines - seen.wrong), JSON.stringify(seen));
    assert.ok(seen.wrong > 0.2 * seen.lines, JSON.stringify(seen));
  });

  test("may be any of the sample's logins", () => {
    const next = loginGenerator(sampleRandom(3));
    const check = compileContract(lineContract);
    const lines = new Lines(lineContract);
    for (let count = 0; count < 5_000; count += 1) {
      const line = Buffer.from(JSON.stringify(next()));
      assert.deepEqual(lines.read(line), rowOf(check, line));
    }
  });
});

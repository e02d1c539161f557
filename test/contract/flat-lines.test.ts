import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { describe, test } from "node:test";

import { compileContract as compileReader } from "../../src/contract/check.ts";
import { ColumnReader, type PassesAsIs } from "../../src/contract/column-reader.ts";
import type { Contract } from "../../src/contract/column.ts";
import { compileColumn } from "../../src/contract/compiled-column.ts";
import type { ReadRows } from "../../src/contract/contract-reader.ts";
import { createFlatLines, type FlatLines } from "../../src/contract/flat-lines.ts";
import { TextColumn } from "../../src/contract/text-column.ts";
import { loginGenerator } from "../../src/demo/sample-login.ts";
import { sampleRandom } from "../../src/demo/sample-random.ts";
import { type Check, column, compileContract, contract, incoming, login, loginContract } from "./contracts.ts";
import { damaged, randomContract, randomLine, tokenStart } from "./random-lines.ts";

/** More of them: `FLAT_LINES=1000000 node --test test/contract/flat-lines.test.ts`. */
const cases = Number(process.env["FLAT_LINES"] ?? 30_000);

/** Some that would be read as something else, too. */
const passesAsIs: PassesAsIs = (text) => text.startsWith(tokenStart) || /^(?:0|[0-9A-F]{8}-)/.test(text);

type Row = readonly (string | null)[];

/** What the general way makes of a line: a row, or null where it is refused. */
function rowOf(check: Check, line: Buffer): Row | null {
  if (!isUtf8(line)) return null;
  const checked = check(incoming(line.toString()));
  return "values" in checked ? checked.values : null;
}

/** Lines of one contract, read one after the other. */
class Lines {
  readonly #flat: FlatLines;
  readonly columns: readonly TextColumn[];

  constructor(shape: Contract, exceptions: ReadonlyMap<string, PassesAsIs> = new Map()) {
    const readers = shape.columns.map((each) => {
      const compiled = compileColumn(each);
      assert.ok(typeof compiled === "object", "a column that can be read");
      return new ColumnReader(each, compiled, exceptions.get(each.name) ?? null);
    });
    const flat = createFlatLines(shape, readers);
    assert.ok(flat !== null);
    this.#flat = flat;
    this.columns = readers.map(() => new TextColumn());
  }

  /** The row that was appended, or null. */
  read(bytes: Buffer, start = 0, end: number = bytes.length): Row | null {
    const rows = this.columns[0]?.count ?? 0;
    const isRead = this.#flat.append({ bytes, start, end }, incoming(""), this.columns);
    for (const each of this.columns) assert.equal(each.count, isRead ? rows + 1 : rows, "a row in every column, or in none");
    return isRead ? this.columns.map((each) => each.at(rows)) : null;
  }
}

function emptyRows(shape: Contract): ReadRows {
  return { columns: shape.columns.map(() => new TextColumn()), ids: [] };
}

function textsOf({ columns }: ReadRows): readonly Row[] {
  return columns.map((each) => each.texts());
}

describe("a line that is read from its bytes", () => {
  test("becomes the row that the check makes of it, whatever it looks like; any other is left alone", () => {
    const random = sampleRandom(5);
    const seen = { lines: 0, read: 0, wrong: 0 };
    while (seen.lines < cases) {
      const shape = randomContract(random);
      const passing = shape.columns.filter(({ masked }) => masked !== "no" && random.chance(0.1));
      const exceptions = new Map(passing.map(({ name }) => [name, passesAsIs]));
      const check = compileContract(shape, exceptions);
      const lines = new Lines(shape, exceptions);
      for (let count = 0; count < 50; count += 1) {
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
    const check = compileContract(loginContract);
    const lines = new Lines(loginContract);
    for (let count = 0; count < 5_000; count += 1) {
      const line = Buffer.from(JSON.stringify(next()));
      assert.deepEqual(lines.read(line), rowOf(check, line));
    }
  });

  test("may be written in any way that needs no parsing", () => {
    const lines = new Lines(loginContract);
    const { ip, device_id, app_version, ...rest } = login;
    const row = [login.user_id, "android", "203.0.113.7", "593-47-5928", "RU", "2", "2024-01-31"];
    const same = [
      JSON.stringify(login),
      JSON.stringify({ device_id, ip, ...rest, app_version }),
      ` { "extra" : -1.5e+3 ,\t"more":true,${JSON.stringify(login).slice(1)}  \r`,
      JSON.stringify(login).replaceAll(":", ": ").replaceAll(",", ", "),
      JSON.stringify({ more: [{ ip: "::1", é: [] }, {}, [[1.5, null, "\\"]]], ...login }, null, 1).replaceAll("\n", " "),
      JSON.stringify({ ...login, note: 'Zo\u00eb "\\/' }),
      JSON.stringify(login).replace("android", "andr\\u006fid"),
      JSON.stringify({ ...login, ip: "::FFFF:203.0.113.7", device_id: " 593-47-5928 ", app_version: "002.1" }),
    ];
    for (const line of [...same, ...same]) assert.deepEqual(lines.read(Buffer.from(line)), row, line);
  });

  test("lacks what it may lack, and has texts in other scripts", () => {
    const lines = new Lines(loginContract);
    const { locale: _locale, app_version: _version, ...rest } = login;
    for (const line of [{ ...rest }, { ...rest, locale: null }, { ...rest, app_version: null }]) {
      assert.deepEqual(lines.read(Buffer.from(JSON.stringify(line)))?.slice(4, 6), [null, null]);
    }
    assert.equal(lines.read(Buffer.from(JSON.stringify({ ...login, user_id: "山田 太郎" })))?.[0], "山田 太郎");
  });
});

describe("a line that is not read from its bytes", () => {
  const whole = JSON.stringify(login);
  const none = (lines: readonly (string | Buffer)[]): void => {
    const read = new Lines(loginContract);
    for (const line of lines) {
      assert.notEqual(read.read(Buffer.from(whole)), null);
      assert.equal(read.read(Buffer.from(line)), null, line.toString());
    }
  };

  test("is cut off anywhere, or goes on behind its end", () => {
    none(Array.from({ length: whole.length }, (_, length) => whole.slice(0, length)));
    none([`${whole}x`, `${whole}}`, `${whole},`, `${whole} {}`, `x${whole}`, `[${whole}]`, `\uFEFF${whole}`, ""]);
    const bytes = Buffer.from(`${whole}\n${whole}\n`);
    const read = new Lines(loginContract);
    for (let end = 0; end < whole.length; end += 1) assert.equal(read.read(bytes, 0, end), null);
  });

  test("has a field of the contract twice, or under another spelling", () => {
    none([whole.replace("{", '{"ip":"203.0.113.8",'), whole.replace("}", ',"locale":null}'), whole.replace('"ip"', '"\\u0069p"')]);
  });

  test("is nested, or no JSON", () => {
    none([
      whole.replace("{", '{"ip":{},'),
      whole.replace("{", '{"locale":["RU"],'),
      whole.replace("{", `{"a":${"[".repeat(200)}${"]".repeat(200)},`),
      ...["{]", "[}", "[1,]", "[,1]", '{"b"}', '{"b":}', '{b":1}', '{"b":1,}', "{1:1}", '["', "[01]", '{"\\x":1}', "[", "{"].map(
        (value) => whole.replace("{", `{"a":${value},`),
      ),
      ...["01", "+1", "1.", ".5", "1e", "-", "NaN", "nul", "True", "", "'a'", '"\t"', '"\\x"', '"\\ud8"', '"'].map((value) =>
        whole.replace("{", `{"a":${value},`),
      ),
      whole.replace(",", ""),
      whole.replace(",", ",,"),
      whole.replace(":", ""),
      whole.replace("}", ",}"),
      whole.replace("{", "{,"),
      whole.replace("{", "{{"),
      Buffer.from(whole.replace("{", '{"a":"\xff",'), "latin1"),
      Buffer.from(whole.replace("android", "\xff"), "latin1"),
    ]);
  });

  test("is refused by the contract, which is not for this reader to say", () => {
    const wrong = [
      { ip: "203.0.113.07" },
      { ip: null },
      { device_id: " " },
      { user_id: 7 },
      { locale: "x".repeat(33) },
      { app_version: "v2" },
    ];
    none(wrong.map((parts) => JSON.stringify({ ...login, ...parts })));
    const short = new Lines(contract(loginContract.columns, { maxBodyBytes: whole.length - 1 }));
    assert.equal(short.read(Buffer.from(whole)), null);
  });
});

test("a line and its text become the same row, or are refused for the same reasons", () => {
  const random = sampleRandom(7);
  for (let count = 0; count < cases / 10; count += 1) {
    const shape = { ...randomContract(random), ...(random.chance(0.1) ? { identity: "a" } : {}) };
    const [reader, textReader] = [compileReader(shape), compileReader(shape)];
    const [rows, textRows] = [emptyRows(shape), emptyRows(shape)];
    const lines = Array.from({ length: 10 }, () => randomLine(random, shape));
    const bytes = Buffer.concat(lines);
    let start = 0;
    for (const line of lines) {
      const message = incoming(line.toString());
      const end = start + line.length;
      assert.deepEqual(reader.append({ ...message, line: { bytes, start, end } }, rows), textReader.append(message, textRows));
      start = end;
    }
    assert.deepEqual(rows.ids, textRows.ids);
    assert.deepEqual(textsOf(rows), textsOf(textRows));
  }
});

test("what was read of a line that is left alone is forgotten with its batch", () => {
  const lines = new Lines(loginContract);
  for (const each of lines.columns) each.bytes.fill(0);
  for (const line of [
    JSON.stringify(login),
    JSON.stringify({ ...login, app_version: "v2" }),
    JSON.stringify(login).slice(0, -20),
  ]) {
    lines.read(Buffer.from(line));
  }
  for (const each of lines.columns) {
    each.clear();
    assert.ok(each.bytes.every((byte) => byte === 0));
  }
});

test("a name that was learned with the brace before it is not taken for one behind a comma", () => {
  const lines = new Lines(contract([column("a"), column("b")]));
  for (const line of ['{"a":"1","b":"2"}', '{"b":"1","a":"2"}', '{"a":"1","b":"2"}'])
    assert.notEqual(lines.read(Buffer.from(line)), null);
  for (const line of ['{"b":"1"{"a":"2"}', ',"a":"1","b":"2"}', '{"a":"1"{"b":"2"}'])
    assert.equal(lines.read(Buffer.from(line)), null);
});

test("a field that is read whole, and looked into, is left alone where there is something in it", () => {
  const lines = new Lines(contract([column("a", { type: "json" }), column("a.b")]));
  assert.deepEqual(lines.read(Buffer.from('{"a":7}')), ["7", null]);
  assert.deepEqual(lines.read(Buffer.from('{"a":"x","a.b":"y"}')), ['"x"', "y"]);
  assert.equal(lines.read(Buffer.from('{"a":{"b":"y"}}')), null);
});

test("where lines are nested at a column, few are tried in vain, and flat ones are read again when they come", () => {
  const shape = contract([column("a.b"), column("c")]);
  const lines = new Lines(shape);
  const nested = Buffer.from('{"a":{"b":"1"},"c":"2"}');
  const flat = Buffer.from('{"a.b":"1","c":"2","a":null}');
  for (let count = 0; count < 200; count += 1) assert.equal(lines.read(nested), null);
  const read = Array.from({ length: 100 }, () => lines.read(flat)).filter((row) => row !== null);
  assert.ok(read.length >= 80 && read.length < 100, String(read.length));
  for (const row of read) assert.deepEqual(row, ["1", "2"]);
});

test("keys that are data do not keep lines from being read, however many there are", () => {
  const lines = new Lines(contract([column("a")]));
  for (let count = 0; count < 2_000; count += 1)
    assert.deepEqual(lines.read(Buffer.from(`{"key ${count}":1,"a":"${count}"}`)), [String(count)]);
  assert.deepEqual(lines.read(Buffer.from(`{"${"k".repeat(5_000)}":1,"a":"x"}`)), ["x"]);
});

test("a body that has to be unwrapped, or names its identity, is never read from its bytes", () => {
  assert.equal(createFlatLines(contract([column("a")], { decode: ["base64"] }), []), null);
  assert.equal(createFlatLines(contract([column("a")], { identity: "a" }), []), null);
});

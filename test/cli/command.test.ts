import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { Call, type Command, parseFlags } from "../../src/cli/command.ts";
import { Output } from "../../src/cli/output.ts";
import { MasklineError } from "../../src/errors.ts";

const command: Command = {
  flags: {
    config: { short: "c", value: "FILE", doc: "" },
    set: { value: "OPTION=VALUE", many: true, doc: "" },
    count: { value: "N", doc: "" },
    idle: { value: "TIME", doc: "" },
    connect: { doc: "" },
  },
  about: "",
  examples: [],
  run: async () => {},
};

suite("the flags of a command", () => {
  const cases: readonly (readonly [args: string, says: string])[] = [
    ["--conect", "unknown flag --conect; did you mean --connect?"],
    ["--zzzzzzz", "unknown flag --zzzzzzz"],
    ["-x", "unknown flag -x"],
    ["now", "takes flags only, and was given a word without one"],
    ["--config", "--config: a value is missing, or one was given where none belongs"],
    ["-c", "--config: a value is missing, or one was given where none belongs"],
    ["--connect=yes", "--connect: a value is missing, or one was given where none belongs"],
    ["--count -5", "--count: a value is missing, or one was given where none belongs"],
  ];
  for (const [args, says] of cases)
    test(`${args}: ${says}`, () =>
      assert.equal(
        messageOf(() => parse(args)),
        says,
      ));

  test("what stands behind a flag that is not understood is not repeated: it may be a secret", () => {
    for (const args of ["--sett=sink.postgres.url=canary-4711", "--connect=canary-4711", "canary-4711", "-xcanary-4711"])
      assert.doesNotMatch(
        messageOf(() => parse(args)),
        /canary/,
        args,
      );
  });

  test("more words than the command takes are refused, not passed over", () => {
    const one = { ...command, operands: "[FILE]" };
    assert.deepEqual(parseFlags(one, ["ring.json"]).operands, ["ring.json"]);
    assert.equal(
      messageOf(() => parseFlags(one, ["a", "b"])),
      "takes 1 word beside its flags, and was given more",
    );
  });

  test("a flag that may come many times keeps all its values", () => {
    assert.deepEqual(parse("--set a=1 --set b=2").texts("set"), ["a=1", "b=2"]);
    assert.deepEqual(parse("").texts("set"), []);
  });

  test("a whole number is one, and is not below the least", () => {
    assert.equal(parse("--count 12").number("count", 1), 12);
    assert.equal(parse("").number("count", 1), null);
    for (const text of ["0", "1e3", "1.5", "0x10", "99999999999999999999", "ten", ""])
      assert.equal(
        messageOf(() => parseArgs("--count", text).number("count", 1)),
        "--count takes a whole number of 1 or more",
        text,
      );
  });

  test("a time has a unit or is in seconds, and fits a timer", () => {
    const times: Readonly<Record<string, number>> = {
      "90": 90_000,
      "90s": 90_000,
      "1.5s": 1_500,
      "15m": 900_000,
      "2h": 7_200_000,
      "0": 0,
    };
    for (const [text, expectedMs] of Object.entries(times))
      assert.equal(parse(`--idle ${text}`).durationMs("idle"), expectedMs, text);
    assert.equal(parse("").durationMs("idle"), null);
    for (const text of ["soon", "1d", "s", "1h30m", " 5"])
      assert.equal(
        messageOf(() => parseArgs("--idle", text).durationMs("idle")),
        "--idle takes a time: 90, 90s, 15m or 2h",
        text,
      );
    assert.equal(parse("--idle 576h").durationMs("idle"), 576 * 3_600_000);
    assert.equal(
      messageOf(() => parse("--idle 577h").durationMs("idle")),
      "--idle takes at most 576h",
    );
  });
});

function parse(args: string): Call {
  return parseArgs(...args.split(" ").filter((word) => word !== ""));
}

function parseArgs(...args: readonly string[]): Call {
  const output = new Output(process.stdout, process.stderr, false);
  return new Call(parseFlags(command, args), output, {}, new AbortController().signal);
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof MasklineError && error.code === "usage");
    return error.message;
  }
  return assert.fail("nothing was thrown");
}

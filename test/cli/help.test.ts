import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { commands, groups } from "../../src/cli/commands.ts";
import { emptyFolder, failed, jsonError, maskline, succeeded } from "./expect.ts";

suite("help", { concurrency: 2 }, () => {
  test("the overview names every command once, in its group, and the exit codes", async (t) => {
    const folder = await emptyFolder(t);
    const { stdout, stderr } = succeeded(await maskline(folder, []));
    assert.equal(stderr, "");
    const sections = stdout.split("\n\n");
    for (const group of groups) {
      const section = sections.find((text) => text.startsWith(`${group}:\n`)) ?? "";
      const named = section.split("\n").slice(1);
      const expected = commands.filter((entry) => entry.group === group);
      assert.deepEqual(
        named.map((line) => line.trim().split(/ {2,}/)),
        expected.map(({ name, summary }) => [name, summary]),
      );
    }
    assert.match(stdout, /exit codes: 0 done, 1 failed, 2 usage or configuration, 3 .*\n.*4 outage .*130 interrupted/);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 132, line);
  });

  test("--help, -h, help and no command at all are the same page", async (t) => {
    const folder = await emptyFolder(t);
    const pages = await Promise.all([[], ["--help"], ["-h"], ["help"]].map((args) => maskline(folder, args)));
    assert.equal(new Set(pages.map((page) => succeeded(page).stdout)).size, 1);
  });

  for (const { name, summary } of commands) {
    test(`maskline ${name} --help tells what it does, its flags and examples, without a configuration`, async (t) => {
      const folder = await emptyFolder(t);
      const { stdout, stderr } = succeeded(await maskline(folder, [...name.split(" "), "--help"]));
      assert.equal(stderr, "");
      assert.ok(stdout.startsWith(`maskline ${name}: ${summary}\n\nusage: maskline ${name}`));
      assert.match(stdout, /\n {2}-h, --help +show this help\n/);
      const examples = stdout.split("\nexamples:\n")[1] ?? "";
      assert.match(examples, new RegExp(`^ {2}maskline ${name}`));
      for (const line of stdout.split("\n")) assert.ok(line.length <= 150, line);
    });
  }

  test("help COMMAND is COMMAND --help, and --help counts wherever it stands", async (t) => {
    const folder = await emptyFolder(t);
    const pages = await Promise.all(
      [
        ["keys", "create", "--help"],
        ["help", "keys", "create"],
        ["keys", "create", "x", "-h", "--bogus"],
      ].map((args) => maskline(folder, args)),
    );
    assert.equal(new Set(pages.map((page) => succeeded(page).stdout)).size, 1);
  });

  test("--version prints the version and nothing else", async (t) => {
    const { stdout } = succeeded(await maskline(await emptyFolder(t), ["--version"]));
    assert.match(stdout, /^\d+\.\d+\.\d+\S*\n$/);
  });
});

suite("a command line that is not understood", { concurrency: 2 }, () => {
  const cases: readonly (readonly [args: string, says: RegExp, next: RegExp])[] = [
    ["chek", /there is no command "chek"/, /maskline check$/],
    ["frobnicate", /there is no command "frobnicate"/, /maskline --help$/],
    ["keys", /"keys" needs one of: keys create, keys list/, /maskline --help/],
    ["quarantine lst", /"quarantine" needs one of: quarantine list, quarantine show/, /maskline --help/],
    ["--conect check", /the command comes first/, /maskline --help/],
    ["check --conect", /check: unknown flag --conect; did you mean --connect\?/, /maskline check --help/],
    ["check --zzzzzzz", /check: unknown flag --zzzzzzz$/m, /maskline check --help/],
    ["check -x", /check: unknown flag -x$/m, /maskline check --help/],
    ["check now", /check: takes flags only/, /maskline check --help/],
    ["keys create a b", /keys create: takes 1 word beside its flags, and was given more/, /maskline keys create --help/],
    ["check --config", /check: --config: a value is missing/, /maskline check --help/],
    ["check --connect=yes", /check: --connect: .*one was given where none belongs/, /maskline check --help/],
    ["sample --count 0", /sample: --count takes a whole number of 1 or more/, /maskline sample --help/],
    ["sample --count 1e3", /sample: --count takes a whole number/, /maskline sample --help/],
    ["sample --count -5", /sample: --count: a value is missing/, /maskline sample --help/],
    ["sample --seed 99999999999999999999", /sample: --seed takes a whole number/, /maskline sample --help/],
    ["quarantine show", /quarantine show: |names no message/, /maskline quarantine list/],
  ];
  for (const [args, says, next] of cases) {
    test(`maskline ${args}`, async (t) => {
      const folder = await emptyFolder(t);
      failed(await maskline(folder, args.split(" ")), { code: "usage", says, next });
    });
  }

  test("what stands behind a mistyped flag is not repeated: it may be a secret", async (t) => {
    const folder = await emptyFolder(t);
    for (const args of [
      ["run", "--sett=sink.postgres.url=canary-4711"],
      ["run", "--json=canary-4711"],
      ["run", "canary-4711"],
    ]) {
      const { stdout, stderr, code } = await maskline(folder, args);
      assert.equal(code, 2);
      assert.doesNotMatch(stdout + stderr, /canary/);
    }
  });

  test("with --json the error is one JSON object on stdout, and stderr is silent", async (t) => {
    const folder = await emptyFolder(t);
    const finished = await maskline(folder, ["check", "--conect", "--json"]);
    assert.deepEqual(jsonError(finished), {
      code: "usage",
      message: "check: unknown flag --conect; did you mean --connect?",
      details: [],
      next: "maskline check --help",
      retryable: false,
    });
    assert.equal(finished.stderr, "");
  });

  test("without a configuration every command that needs one says how to get it", async (t) => {
    const folder = await emptyFolder(t);
    const needy = [
      "check",
      "run",
      "migrate",
      "ledger",
      "quarantine list",
      "duplicates",
      "keys create",
      "keys list",
      "sample --send",
    ];
    for (const finished of await Promise.all(needy.map((args) => maskline(folder, args.split(" "))))) {
      failed(finished, { code: "config_missing", says: /maskline\.yaml cannot be read/, next: /maskline init/ });
    }
  });
});

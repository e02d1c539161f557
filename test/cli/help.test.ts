import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { commands, groups } from "../../src/cli/commands.ts";
import { commandHelp } from "../../src/cli/help.ts";
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
    assert.match(
      stdout,
      /exit codes: 0 done, 1 failed, 2 usage or configuration, 3 .*\n.*4 outage .*\n.*6 too many .*130 interrupted/,
    );
    for (const line of stdout.split("\n")) assert.ok(line.length <= 132, line);
  });

  test("--help, -h, help and no command at all are the same page", async (t) => {
    const folder = await emptyFolder(t);
    const pages = await Promise.all([[], ["--help"], ["help"]].map((args) => maskline(folder, args)));
    assert.equal(new Set(pages.map((page) => succeeded(page).stdout)).size, 1);
  });

  test("each command's page tells what it does, its flags and examples", async () => {
    for (const entry of commands) {
      const page = commandHelp(entry, await entry.load());
      assert.ok(page.startsWith(`maskline ${entry.name}: ${entry.summary}\n\nusage: maskline ${entry.name}`), page);
      assert.match(page, /\n {2}-h, --help +show this help\n/);
      assert.match(page.split("\nexamples:\n")[1] ?? "", new RegExp(`^ {2}maskline ${entry.name}`));
      for (const line of page.split("\n")) assert.ok(line.length <= 150, line);
    }
  });

  test("help COMMAND is COMMAND --help, which counts wherever it stands and needs no configuration", async (t) => {
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
    ["--conect check", /the command comes first/, /maskline --help/],
    ["check --conect", /check: unknown flag --conect; did you mean --connect\?/, /maskline check --help/],
    ["keys create a b", /keys create: takes 1 word beside its flags, and was given more/, /maskline keys create --help/],
    ["check --config", /check: --config: a value is missing/, /maskline check --help/],
    ["quarantine show", /quarantine show: |names no message/, /maskline quarantine list/],
  ];
  for (const [args, says, next] of cases) {
    test(`maskline ${args}`, async (t) => {
      const folder = await emptyFolder(t);
      failed(await maskline(folder, args.split(" ")), { code: "usage", says, next });
    });
  }

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

  test("without a configuration a command that needs one says how to get it", async (t) => {
    const folder = await emptyFolder(t);
    const needy = [
      "check",
      "run",
      "migrate",
      "prune",
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

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, lstatSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { type RunningCommand, startNode, startProgram } from "../harness/workspace.ts";

const root = path.resolve(import.meta.dirname, "../..");
const main = path.join(root, "src/cli/main.ts");
const needed = ["/usr/bin/script", "/usr/bin/openssl", "/bin/bash"].filter((file) => !existsSync(file));
/** What the walk-through writes into the folder that it is typed in. */
const written = ["identity.pem", "recipient.pem", "revealed.sealed"];
const notAsWritten = whyNotAsWritten();

/** How the demo is started, and in which folder the text is typed after what. */
interface Way {
  readonly start: (environment: Readonly<Record<string, string>>) => RunningCommand;
  readonly folder: string;
  readonly before: string;
}

/** As a reader does it: npm, in the project's folder. */
const asWritten: Way = {
  start: (environment) => startProgram("npm", { folder: root, args: ["run", "demo", "--", "--keep"], environment, asGroup: true }),
  folder: root,
  before: "",
};

/** The same program without npm: what npm does in a checkout that shares its node_modules would be done to all that share them. */
function withoutNpm(folder: string): Way {
  return {
    start: (environment) => startNode(folder, [main, "demo", "--keep"], environment),
    folder,
    before: `npx() { shift; '${process.execPath}' '${main}' "$@"; }\n`,
  };
}

function whyNotAsWritten(): string | null {
  const modules = path.join(root, "node_modules");
  if (lstatSync(modules, { throwIfNoEntry: false })?.isDirectory() !== true) return "node_modules is not a folder of this checkout";
  const lock = statSync(path.join(root, "package-lock.json")).mtimeMs;
  if ((statSync(path.join(modules, ".package-lock.json"), { throwIfNoEntry: false })?.mtimeMs ?? 0) < lock)
    return "node_modules is older than package-lock.json";
  if (spawnSync("npm", ["--version"], { timeout: 60_000 }).status !== 0) return "there is no npm";
  const there = written.filter((name) => existsSync(path.join(root, name)));
  return there.length === 0 ? null : `${there.join(", ")} would be written over`;
}

test(
  "the walk-throughs of docs/recovery.md and the README work as they are written, on what `demo --keep` leaves",
  { timeout: 240_000, skip: needed.length > 0 ? `not installed here: ${needed.join(", ")}` : false },
  async (t) => {
    if (notAsWritten !== null) t.diagnostic(`src/cli/main.ts in place of npm run and npx: ${notAsWritten}`);
    const folder = await mkdtemp(path.join(tmpdir(), "maskline-walk-"));
    const way = notAsWritten === null ? asWritten : withoutNpm(folder);
    // nothing is looked up or told outside this machine
    const quiet = { npm_config_offline: "true", npm_config_update_notifier: "false", npm_config_audit: "false" };
    const environment = { HOME: folder, TMPDIR: folder, NO_COLOR: "1", ...quiet };
    const demo = way.start(environment);
    try {
      // the data is out before it waits to be ended
      await demo.says("reveal: one value brought back");
      const page = await readFile(path.join(root, "docs/recovery.md"), "utf8");
      const [start = "", walk = ""] = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, code]) => code ?? "");
      assert.equal(start, "npm run demo -- --keep\n");
      const screen = await atTerminal(way, environment, walk);
      assert.match(screen, /^ +\d+ +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d +\d+ +[\w-]{40,}/m, "verify shows the rows");
      assert.match(screen, /[\w-]{40,} +103\.63\.39\.0\/24/, "a part of it");
      assert.match(screen, /[\w-]{40,} +103\.63\.39\.125/, "all of it");
      assert.match(screen, /\d+ values? of masked_ip revealed/);
      assert.match(screen, /\{"token":"[\w-]+","value":"[\da-f.:]+"\}/, "and the sealed file opens");
      assert.doesNotMatch(screen, /maskline: /, "nothing failed");
      assert.match(screen, /all of it was typed/, "and it ended well");

      const readme = await readFile(path.join(root, "README.md"), "utf8");
      const short = await atTerminal(way, environment, /^## Get a value back\n[^]*?^```sh\n([^]*?)^```/m.exec(readme)?.[1] ?? "");
      assert.match(
        short,
        /[\w-]{40,} +103\.63\.39\.0\/24[^]* +103\.63\.39\.125[^]*ABUSE-17[^]*the audit is whole/,
        "that of the README",
      );
      assert.doesNotMatch(short, /maskline: /);
      assert.match(short, /all of it was typed/);
    } finally {
      demo.kill("SIGINT");
      await demo.finished;
      if (way === asWritten) for (const name of written) await rm(path.join(root, name), { force: true });
      await rm(folder, { recursive: true, force: true });
    }
  },
);

/** Types a text into a shell at a terminal. */
async function atTerminal(
  { folder, before }: Way,
  environment: Readonly<Record<"HOME", string> & Record<string, string>>,
  text: string,
): Promise<string> {
  const file = path.join(environment.HOME, "walk.sh");
  await writeFile(file, `set -e\n${before}${text}\necho all of it was typed\n`);
  const child = spawn("/usr/bin/script", ["--quiet", "--return", "--command", `/bin/bash ${file}`, "/dev/null"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (screen += part));
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return screen.replaceAll("\r\n", "\n");
}

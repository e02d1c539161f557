import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { startNode } from "../harness/workspace.ts";

const root = path.resolve(import.meta.dirname, "../..");
const main = path.join(root, "src/cli/main.ts");
const needed = ["/usr/bin/script", "/usr/bin/openssl", "/bin/bash"].filter((file) => !existsSync(file));

test(
  "the walk-throughs of docs/recovery.md and the README work as they are written, on what `demo --keep` leaves",
  { timeout: 240_000, skip: needed.length > 0 ? `not installed here: ${needed.join(", ")}` : false },
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "maskline-walk-"));
    const demo = startNode(folder, [main, "demo", "--keep"], { TMPDIR: folder });
    try {
      // the data is out before it waits to be ended
      await demo.says("reveal: one value brought back");
      const page = await readFile(path.join(root, "docs/recovery.md"), "utf8");
      const [start = "", walk = ""] = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, code]) => code ?? "");
      assert.equal(start, "npm run demo -- --keep\n");
      const screen = await atTerminal(folder, walk);
      assert.match(screen, /^ +\d+ +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d +\d+ +[\w-]{40,}/m, "verify shows the rows");
      assert.match(screen, /[\w-]{40,} +103\.63\.39\.0\/24/, "a part of it");
      assert.match(screen, /[\w-]{40,} +103\.63\.39\.125/, "all of it");
      assert.match(screen, /\d+ values? of masked_ip revealed/);
      assert.match(screen, /\{"token":"[\w-]+","value":"[\da-f.:]+"\}/, "and the sealed file opens");
      assert.doesNotMatch(screen, /maskline: /, "nothing failed");
      assert.match(screen, /all of it was typed/, "and it ended well");

      const readme = await readFile(path.join(root, "README.md"), "utf8");
      const short = await atTerminal(folder, /^## Get a value back\n[^]*?^```sh\n([^]*?)^```/m.exec(readme)?.[1] ?? "");
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
      await rm(folder, { recursive: true, force: true });
    }
  },
);

/** Types a text into a shell at a terminal. `npx maskline` there is this very program. */
async function atTerminal(folder: string, text: string): Promise<string> {
  const file = path.join(folder, "walk.sh");
  const npx = `npx() { shift; '${process.execPath}' '${main}' "$@"; }`;
  await writeFile(file, `set -e\n${npx}\n${text}\necho all of it was typed\n`);
  const child = spawn("/usr/bin/script", ["--quiet", "--return", "--command", `/bin/bash ${file}`, "/dev/null"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, TMPDIR: folder, NO_COLOR: "1" },
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

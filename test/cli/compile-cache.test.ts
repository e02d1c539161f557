import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test } from "node:test";

import { cacheFolder } from "../../src/cli/compile-cache.ts";

const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

function helpOfMask(environment: Readonly<Record<string, string>>): { readonly status: number | null; readonly stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [main, "mask", "--help"], {
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    encoding: "utf8",
  });
  return { status, stderr };
}

/** With a folder of one's own. */
function withFolder(body: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), "maskline-cache-"));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

suite("what is compiled", () => {
  test("is kept in the user's cache folder, and nowhere where there is none", () => {
    withFolder((home) => {
      assert.deepEqual(helpOfMask({ HOME: home }), { status: 0, stderr: "" });
      assert.deepEqual(readdirSync(home), []);
      mkdirSync(path.join(home, ".cache"));
      assert.deepEqual(helpOfMask({ HOME: home }), { status: 0, stderr: "" });
      assert.deepEqual(readdirSync(path.join(home, ".cache")), ["maskline"]);
      assert.deepEqual(helpOfMask({ HOME: home }), { status: 0, stderr: "" });
    });
  });

  test("is kept where NODE_COMPILE_CACHE says, or not at all", () => {
    withFolder((home) => {
      mkdirSync(path.join(home, ".cache"));
      assert.equal(helpOfMask({ HOME: home, NODE_COMPILE_CACHE: path.join(home, "there") }).status, 0);
      assert.deepEqual(readdirSync(home).sort(), [".cache", "there"]);
      assert.equal(helpOfMask({ HOME: home, NODE_DISABLE_COMPILE_CACHE: "1" }).status, 0);
      assert.deepEqual(readdirSync(path.join(home, ".cache")), []);
    });
  });

  test("is not read from a folder into which others may write", { skip: process.platform === "win32" }, () => {
    withFolder((home) => {
      const environment = { XDG_CACHE_HOME: home };
      const kept = path.join(home, "maskline");
      assert.equal(cacheFolder(environment), kept);
      chmodSync(home, 0o777);
      assert.equal(cacheFolder(environment), null);
      chmodSync(home, 0o755);
      mkdirSync(kept);
      assert.equal(cacheFolder(environment), kept);
      chmodSync(kept, 0o775);
      assert.equal(cacheFolder(environment), null);
    });
  });

  test("does not matter where the folder cannot be written", () => {
    withFolder((home) => {
      mkdirSync(path.join(home, ".cache"), { mode: 0o500 });
      assert.equal(helpOfMask({ HOME: home }).status, 0);
      chmodSync(path.join(home, ".cache"), 0o700);
    });
  });
});

#!/usr/bin/env node
// Packs maskline as it would be published, installs it in an empty folder, and does there what a new user does first.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(path.join(tmpdir(), "maskline-package-"));

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: "utf8", ...options });
  if (result.error) throw result.error;
  return result;
}

function must(condition, what, result) {
  if (!condition) throw new Error(`${what}\n${result?.stdout ?? ""}${result?.stderr ?? ""}`);
  process.stdout.write(`ok  ${what}\n`);
}

try {
  const packed = run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root });
  must(packed.status === 0, "npm pack builds a package", packed);
  const tarball = path.join(folder, packed.stdout.trim().split("\n").at(-1) ?? "");
  const listing = run("tar", ["-tzf", tarball]).stdout.split("\n");
  must(!listing.some((name) => /package\/(src|test|bench|scripts)\//.test(name)), "it holds the build, not the sources");

  const home = path.join(folder, "user");
  run("mkdir", ["-p", home]);
  writeFileSync(path.join(home, "package.json"), '{ "name": "user", "private": true }\n');
  const installed = run(
    "npm",
    ["install", "--omit=dev", "--omit=optional", "--omit=peer", "--no-audit", "--no-fund", "--prefer-offline", tarball],
    { cwd: home },
  );
  must(installed.status === 0, "it installs in an empty folder", installed);

  const maskline = (...args) =>
    run(process.execPath, [path.join(home, "node_modules", ".bin", "maskline"), ...args], { cwd: home });
  const version = maskline("--version");
  const { version: expected } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  must(version.status === 0 && version.stdout.trim() === expected, "maskline --version", version);
  const help = maskline("--help");
  must(help.status === 0 && help.stdout.includes("maskline run --drain"), "maskline --help", help);
  const init = maskline("init");
  must(init.status === 0 && existsSync(path.join(home, "maskline.yaml")), "maskline init", init);
  const check = run(process.execPath, [path.join(home, "node_modules", ".bin", "maskline"), "check"], {
    cwd: home,
    env: { ...process.env, DATABASE_URL: "postgres://user@localhost/db" },
  });
  must(check.status === 0, "maskline check", check);
  const keys = run(process.execPath, [path.join(home, "node_modules", ".bin", "maskline"), "keys", "create"], {
    cwd: home,
    env: { ...process.env, DATABASE_URL: "postgres://user@localhost/db" },
  });
  must(keys.status === 0 && existsSync(path.join(home, "keyring.json")), "maskline keys create", keys);
  const demo = maskline("demo");
  must(demo.status === 2 && /npm install/.test(demo.stderr), "maskline demo says what to install", demo);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

#!/usr/bin/env node
// Runs a source file of this checkout on the Node of its devDependencies, and installs those first where they are missing
// or older than the lock file. Plain JavaScript for any Node from 18 on: it is what runs before anything is there.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const installed = path.join(root, "node_modules", ".package-lock.json");

function installedIsCurrent() {
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(path.join(root, "package-lock.json")).mtimeMs;
}

function runNpm(...args) {
  // npm's own words go to stderr: stdout belongs to the command that was asked for
  const result = spawnSync("npm", args, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  if (result.status !== 0) {
    process.stderr.write(`\nmaskline: "npm ${args.join(" ")}" failed; its last lines above say why\n`);
    process.exit(1);
  }
}

/** The Node of the devDependencies. Its package links the binary in an install script, which some npm set-ups do not run. */
function ownNode() {
  const bin = path.join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (existsSync(bin) && statSync(bin).size > 1_000_000) return bin;
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  const packageFolder = path.dirname(createRequire(path.join(root, "package.json")).resolve("node/package.json"));
  spawnSync(process.execPath, ["installArchSpecificPackage.js"], { cwd: packageFolder, stdio: ["ignore", 2, 2] });
  if (existsSync(bin)) return bin;
  process.stderr.write(
    `maskline: needs Node 22.18 or later; this is ${process.versions.node}, and the npm package "node" could not be set up\n`,
  );
  return process.exit(1);
}

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(full);
    return entry.name.endsWith(".test.ts") ? [full] : [];
  });
}

if (!installedIsCurrent()) {
  process.stderr.write("maskline: installing what is missing (once) ...\n");
  runNpm("ci", "--loglevel=error", "--no-audit", "--no-fund");
}

let args = process.argv.slice(2);
if (args[0] === "--run-tests") {
  const named = args.slice(1);
  args = ["--test", "--test-concurrency=2", ...(named.length > 0 ? named : testFiles(path.join(root, "test")).sort())];
}
const child = spawn(ownNode(), args, { stdio: "inherit" });
// Ctrl-C reaches the child by the terminal's process group; a signal sent to this process alone is handed on.
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
child.on("exit", (code, signal) => {
  if (signal) process.kill(process.pid, signal);
  process.exitCode = code ?? 1;
});

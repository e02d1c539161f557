#!/usr/bin/env node
// The one entry point. In a checkout it runs the sources (after setting up what is missing), in an installed package the build.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
if (existsSync(source)) {
  process.argv.splice(2, 0, source);
  await import("../scripts/with-node.js");
} else {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 18)) {
    process.stderr.write(`maskline: needs Node 22.18 or later; this is ${process.versions.node}\n`);
    process.exitCode = 1;
  } else {
    await import("../dist/cli/main.js");
  }
}

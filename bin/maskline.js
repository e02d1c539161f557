#!/usr/bin/env node
// The one entry point. In a checkout it runs the sources (after setting up what is missing), in an installed package the build.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { runtimeOptions, wantsOptions } from "./runtime-options.js";

const source = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const wants = wantsOptions(process.argv[2], process.execArgv, process.env);
if (existsSync(source)) {
  process.argv.splice(2, 0, ...(wants ? runtimeOptions : []), source);
  await import("../scripts/with-node.js");
} else {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 18)) {
    process.stderr.write(`maskline: needs Node 22.18 or later; this is ${process.versions.node}\n`);
    process.exitCode = 1;
  } else {
    // in place of this process, so that signals and a container's limits are its own; 35 ms of CPU. Windows cannot
    if (wants && process.platform !== "win32") {
      const again = [...process.execArgv, ...runtimeOptions, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
      process.execve(process.execPath, [process.execPath, ...again], process.env);
    }
    await import("../dist/cli/main.js");
  }
}

import { writeFile } from "node:fs/promises";
import path from "node:path";

import { runtimeOptions, wantsOptions } from "../../bin/runtime-options.js";
import { type Peer, peers } from "../peers/peers.ts";
import type { Program } from "./consumer.ts";
import type { Place } from "./place.ts";
import { configuration, type Variant } from "./target.ts";

/** maskline's sources, run as they are. */
export const masklineMain: string = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

let configurations = 0;

/** `maskline COMMAND --config FILE`, the file of this variant. */
export async function maskline(place: Place, variant: Variant, ...args: readonly string[]): Promise<Program> {
  configurations += 1;
  const file = path.join(place.folder, `maskline-${configurations}.yaml`);
  await writeFile(file, configuration(variant), { mode: 0o600 });
  // as bin/maskline.js starts it
  const options = wantsOptions(args[0], [], {}) ? runtimeOptions : [];
  return { command: [process.execPath, ...options, masklineMain, ...args, "--config", file] };
}

/** A peer by its name, or why it cannot run here. */
export async function peer(
  name: string,
): Promise<{ readonly peer: Peer; readonly program: Program } | { readonly missing: string }> {
  const found = peers.find((one) => one.name === name);
  if (found === undefined) throw new RangeError(`there is no peer ${name}`);
  const command = await found.command();
  return "missing" in command ? command : { peer: found, program: { command } };
}

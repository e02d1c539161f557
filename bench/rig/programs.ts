import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

import type { Program } from "./consumer.ts";
import type { Place } from "./place.ts";
import { configuration, type Variant } from "./target.ts";

/** What bench/peers/peers.ts lists. */
export interface Peer {
  readonly name: string;
  /** Its idiom, in a few words. */
  readonly label: string;
  readonly kind: "queue" | "file";
  readonly rows: "tokens" | "hashes" | "none";
  readonly format?: "text" | "binary";
  command(): Promise<readonly string[] | { readonly missing: string }>;
}

const peersFile = path.resolve(import.meta.dirname, "../peers/peers.ts");

/** maskline's sources, run as they are. */
export const masklineMain: string = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

let configurations = 0;

/** `maskline COMMAND --config FILE`, the file of this variant. */
export async function maskline(place: Place, variant: Variant, ...args: readonly string[]): Promise<Program> {
  configurations += 1;
  const file = path.join(place.folder, `maskline-${configurations}.yaml`);
  await writeFile(file, configuration(variant), { mode: 0o600 });
  return { command: [process.execPath, masklineMain, ...args, "--config", file] };
}

/** A peer by its name, or why it cannot run here. */
export async function peer(
  name: string,
): Promise<{ readonly peer: Peer; readonly program: Program } | { readonly missing: string }> {
  const found = (await allPeers()).find((one) => one.name === name);
  if (found === undefined) return { missing: `there is no bench/peers/ with a ${name}` };
  const command = await found.command();
  return "missing" in command ? command : { peer: found, program: { command } };
}

async function allPeers(): Promise<readonly Peer[]> {
  if (!existsSync(peersFile)) return [];
  const { peers } = (await import(pathToFileURL(peersFile).href)) as { readonly peers: readonly Peer[] };
  return peers;
}

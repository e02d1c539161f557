import { spawn } from "node:child_process";
import path from "node:path";

import { enginesFolder, isInstalled, notInstalled, whyNotRunnable } from "./engine-process.ts";

export interface TinkRequest {
  /** Tink's JSON form, in clear. */
  readonly keyset: string;
  /** With it the keyset is a deriver, and what it derives for this salt is used. Only Tink for Java has this. */
  readonly salt?: string;
  readonly associated: string;
  readonly plaintexts?: readonly Uint8Array[];
  readonly ciphertexts?: readonly Uint8Array[];
}

export interface TinkAnswer {
  /** The one that was used; only Tink for Java tells. */
  readonly keyset?: string;
  readonly encrypted: readonly Buffer[];
  /** null for what Tink refused. */
  readonly decrypted: readonly (Buffer | null)[];
}

/** One of Google Tink's implementations, as a program of its own. */
export interface Tink {
  readonly name: string;
  /** Why it cannot run here; null when it can. */
  readonly missing: string | null;
  /** Deterministic AEAD with a keyset. */
  ask(request: TinkRequest): Promise<TinkAnswer>;
}

const folder = path.join(enginesFolder, "tink");
const python = path.join(folder, "bin", "python");
const program = (name: string): string => path.join(import.meta.dirname, "tink", name);
const java = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path.join(folder, "jars", "*"), program("Derive.java")];

export const tinkInJava: Tink = {
  name: "Tink (Java)",
  missing: isInstalled("tink") ? null : notInstalled("tink"),
  ask: (request) => ask("java", java, request),
};

export const tinks: readonly Tink[] = [
  {
    name: "Tink (C++, from Python)",
    missing: isInstalled("tink") ? whyNotRunnable(python) : notInstalled("tink"),
    ask: (request) => ask(python, [program("daead.py")], request),
  },
  tinkInJava,
];

async function ask(file: string, args: readonly string[], request: TinkRequest): Promise<TinkAnswer> {
  const { keyset, salt, associated, plaintexts = [], ciphertexts = [] } = request;
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  child.stdin.end(
    JSON.stringify({
      keyset,
      salt: salt === undefined ? null : toBase64(Buffer.from(salt)),
      associated: toBase64(Buffer.from(associated)),
      plaintexts: plaintexts.map(toBase64),
      ciphertexts: ciphertexts.map(toBase64),
    }),
  );
  if ((await ended) !== 0) throw new Error(`${path.basename(file)} failed: ${stderr.slice(-2_000)}`);
  const answer = JSON.parse(stdout) as { keyset?: string; encrypted: string[]; decrypted: (string | null)[] };
  return {
    ...answer,
    encrypted: answer.encrypted.map(fromBase64),
    decrypted: answer.decrypted.map((one) => (one === null ? null : fromBase64(one))),
  };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, "base64");
}

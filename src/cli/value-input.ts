import { MasklineError } from "../errors.ts";
import { askValue, canAsk } from "./passphrase.ts";

const longestValueBytes = 1_048_576;

/** One personal value: typed unseen at a terminal, or all of stdin. Never in argv, where every user of the machine could read it. */
export async function readValue(): Promise<string> {
  const given = process.stdin.isTTY ? await asked() : await piped();
  if (given.trim() === "")
    throw new MasklineError("usage", "there is no value", { next: "type it at the prompt, or give it on stdin" });
  return given;
}

async function asked(): Promise<string> {
  if (canAsk()) return askValue();
  throw new MasklineError("usage", "the prompt for the value would not be seen: stderr is no terminal", {
    next: "give the value on stdin",
  });
}

async function piped(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > longestValueBytes) throw new MasklineError("usage", "what came on stdin is too long for a value");
    parts.push(part);
  }
  const text = Buffer.concat(parts)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (text.includes("\n")) throw new MasklineError("usage", "verify takes one value, and stdin has several lines");
  return text;
}

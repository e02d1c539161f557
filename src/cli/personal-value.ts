import { MasklineError } from "../errors.ts";
import { askHidden, canAsk } from "./passphrase.ts";

/** Longer than any value a column takes is no value that was meant. */
const longestValueBytes = 1_048_576;

/**
 * One personal value that somebody gives: typed unseen at a terminal, or a line on stdin. Never a word of the command line, which other
 * users of the machine can read and shells remember.
 * @param what what is asked for, as the prompt names it
 * @throws MasklineError `usage` where there is none, or more than one
 */
export async function readPersonalValue(what: string): Promise<string> {
  const given = process.stdin.isTTY ? await typed(what) : await piped();
  if (given.trim() === "" || /[\r\n]/.test(given)) throw wantsOne();
  return given;
}

async function typed(what: string): Promise<string> {
  if (canAsk()) return askHidden(`${what} (not shown): `, "value");
  throw new MasklineError("usage", "the prompt for the value would not be seen: stderr is no terminal", {
    next: "give the value on stdin",
  });
}

async function piped(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > longestValueBytes) throw wantsOne();
    parts.push(part);
  }
  return Buffer.concat(parts)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

function wantsOne(): MasklineError {
  return new MasklineError("usage", "wants one value: a line on stdin, or typed at a terminal", {
    next: "type it at the prompt, or give it on stdin",
  });
}

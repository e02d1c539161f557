import { createReadStream } from "node:fs";

import { readLines, textReader } from "../app/lines.ts";
import { MasklineError } from "../errors.ts";
import type { Call } from "./command.ts";
import { count } from "./table.ts";

/** What one act may be about: its list is held whole. */
export const mostTokens = 200_000;

const longestToken = 1_048_576;

/** Tokens, one a line, of a file or of stdin; blank lines are none. @throws MasklineError `usage` */
export async function readTokens(file: string | null, { output, stop }: Call): Promise<readonly string[]> {
  if (file === null && process.stdin.isTTY) output.say("tokens, one a line; Ctrl-D ends them");
  const input: AsyncIterable<Uint8Array> = file === null ? process.stdin : createReadStream(file);
  const tokens: string[] = [];
  // who sits before an open stdin and wants to stop would otherwise have to end it first
  const end = (): void => void process.stdin.destroy();
  if (file === null) stop.addEventListener("abort", end, { once: true });
  try {
    for await (const lines of readLines(input, longestToken)) {
      const textAt = textReader(lines);
      if (lines.unreadable.length > 0)
        throw new MasklineError("usage", `line ${lines.unreadable[0]} is no text that a token could be`);
      for (let index = 0; index < lines.numbers.length; index += 1) tokens.push(textAt(index).replace(/\r$/, ""));
      if (tokens.length > mostTokens) {
        throw new MasklineError("usage", `more than ${count(mostTokens)} tokens at once`, { next: "reveal them in parts" });
      }
    }
  } catch (error) {
    if (stop.aborted) throw new MasklineError("interrupted", "stopped while tokens were read; nothing was asked for");
    if (error instanceof MasklineError || file === null) throw error;
    throw new MasklineError("file_unreadable", `${file} cannot be read`, { next: "name a file of tokens, one a line" });
  } finally {
    stop.removeEventListener("abort", end);
  }
  if (tokens.length === 0) {
    throw new MasklineError("usage", "there are no tokens", { next: "one a line on stdin or in a FILE, or --where COLUMN=VALUE" });
  }
  return tokens;
}

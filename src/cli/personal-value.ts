import { MasklineError } from "../errors.ts";
import { askHidden, canAsk } from "./passphrase.ts";

/** In bytes; longer than any value a column takes is no value that was meant. */
const longestValue = 65_536;

/**
 * A personal value that somebody gives: typed unseen at a terminal, or one line on stdin. Never a word of the command line, which other
 * users of the machine can read and shells remember.
 * @throws MasklineError `usage` where there is none, or more than one
 */
export async function readPersonalValue(question: string): Promise<string> {
  if (canAsk()) return oneLine(await askHidden(`${question} (not shown): `, "value"));
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += Buffer.byteLength(chunk);
    if (bytes > longestValue) throw wantsOne();
  }
  return oneLine(Buffer.concat(chunks).toString());
}

function oneLine(text: string): string {
  const line = text.replace(/\r?\n$/, "");
  if (line === "" || /[\r\n]/.test(line)) throw wantsOne();
  return line;
}

function wantsOne(): MasklineError {
  return new MasklineError("usage", "wants one value: a line on stdin, or typed at a terminal", {
    next: "maskline erase --help",
  });
}

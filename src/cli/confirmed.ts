import { once } from "node:events";
import { createInterface } from "node:readline/promises";

import { MasklineError } from "../errors.ts";
import type { Call } from "./command.ts";

export interface Confirmation {
  /** Completes "..., and there is no terminal to ask at". */
  readonly does: string;
  readonly question: string;
  /** What has to be typed. */
  readonly answer: string;
  /** What holds where something else is typed; "nothing was changed", if not said. */
  readonly otherwise?: string;
}

/** Goes on where --yes is given, or somebody at a terminal types what is asked for. @throws MasklineError `usage`, `interrupted` */
export async function confirmed(
  call: Call,
  { does, question, answer, otherwise = "nothing was changed" }: Confirmation,
): Promise<void> {
  if (call.has("yes")) return;
  if (!process.stdin.isTTY) {
    throw new MasklineError("usage", `${does}, and there is no terminal to ask at`, { next: "add --yes" });
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D reject it, or end it without an answer
    const closed = once(prompt, "close").then(() => "");
    const typed = await Promise.race([prompt.question(question), closed]).catch(() => "");
    if (typed.trim() !== answer) throw new MasklineError("interrupted", `not confirmed; ${otherwise}`);
  } finally {
    prompt.close();
  }
}

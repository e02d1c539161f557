import { createSealedFile } from "../app/recovery/sealed-file.ts";
import { MasklineError } from "../errors.ts";
import type { Revealed, RevealedTarget, RevealFailure } from "../recovery/reveal.ts";
import type { Call } from "./command.ts";
import type { Output } from "./output.ts";
import { formatTable, type TableColumn } from "./table.ts";

/** Where revealed values go. */
export interface RevealedOutput extends RevealedTarget {
  /** For the audit. */
  readonly kind: "terminal" | "pipe" | "sealed file";
  /** The key that a file is sealed to. */
  readonly recipient: string | null;
  /** Nothing came of it: what was begun is taken away. */
  discard(): Promise<void>;
}

export const failureTexts: Readonly<Record<RevealFailure, string>> = {
  not_a_token: "no token of this column's mask",
  no_original: "nothing in the vault: erased, or no token of this column",
  unknown_key: "a token of a key that this ring does not hold, or not enabled",
  not_authentic: "altered, or a token of another domain",
};

/**
 * A personal value goes to the screen, to a file that only its recipient can read, or where somebody has said with a flag of its own that
 * it may go: not into a pipe or a log by mistake.
 * @throws MasklineError `usage`, `file_exists`
 */
export async function openRevealedOutput(call: Call): Promise<RevealedOutput> {
  const { output } = call;
  const [recipient, file] = [call.text("to"), call.text("out")];
  if ((recipient === null) !== (file === null)) {
    throw new MasklineError("usage", "--to and --out go together: whom a file is for, and its name");
  }
  if (recipient !== null && file !== null) {
    const sealed = await createSealedFile(file, recipient);
    return {
      kind: "sealed file",
      recipient: sealed.recipient,
      take: (revealed) => sealed.write(jsonLines(revealed)),
      finish: () => sealed.finish(),
      discard: () => sealed.discard(),
    };
  }
  if (!output.dataOnTerminal && !call.has("plain-output")) {
    throw new MasklineError("usage", "the values would go into a pipe or a file as they are", {
      next: "--to RECIPIENT --out FILE seals them for somebody; --plain-output lets them go where stdout goes",
    });
  }
  const kind = output.dataOnTerminal ? "terminal" : "pipe";
  return { kind, recipient: null, ...onStdout(output), discard: async () => {} };
}

function onStdout(output: Output): RevealedTarget {
  let isFirst = true;
  return {
    async take(revealed) {
      if (output.json) return output.stream(jsonLines(revealed));
      const [head = "", ...lines] = formatTable(columns, revealed);
      await output.stream(`${(isFirst ? [head, ...lines] : lines).join("\n")}\n`);
      isFirst = false;
    },
    finish: async () => {},
  };
}

const columns: readonly TableColumn<Revealed>[] = [
  { title: "token", value: ({ token }) => token, width: Infinity },
  { title: "value", value: (one) => ("value" in one ? one.value : null), width: Infinity },
  { title: "", value: (one) => ("failure" in one ? failureTexts[one.failure] : ""), width: Infinity },
];

/** What would draw on the terminal is escaped: JSON's own writer leaves the second half of the control characters as they are. */
function jsonLines(revealed: readonly Revealed[]): string {
  return revealed.map((one) => `${JSON.stringify(one).replaceAll(/[\u007F-\u009F]/g, escaped)}\n`).join("");
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

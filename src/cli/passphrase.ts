import { MasklineError } from "../errors.ts";

/** Whether somebody can be asked: what is typed comes from a terminal, and the question is seen. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks for the passphrase of a ring that is there. */
export async function askPassphrase(): Promise<string> {
  return askHidden("passphrase of the key ring: ");
}

/** Asks for a new passphrase, twice: a mistyped one would lock its ring for ever. */
export async function askNewPassphrase(): Promise<string> {
  if (!canAsk()) {
    throw new MasklineError("usage", "there is no terminal to type the new passphrase at", {
      next: "name a file with it (--help), or set keyring.passphrase",
    });
  }
  const passphrase = await askHidden("new passphrase for the key ring: ");
  if ((await askHidden("the same once more: ")) === passphrase) return passphrase;
  throw new MasklineError("usage", "the two passphrases differ; nothing was written", { next: "try again" });
}

const endings: ReadonlySet<string> = new Set(["\r", "\n"]);
const interrupts: ReadonlySet<string> = new Set(["\u0003", "\u0004"]);
const erasers: ReadonlySet<string> = new Set(["\u007F", "\b"]);
const eraseLine = "\u0015";

/** What was typed up to the end of the line, shown nowhere. */
export async function askHidden(question: string, what: "passphrase" | "value" = "passphrase"): Promise<string> {
  const { stdin, stderr } = process;
  // Raw: the terminal echoes nothing, and hands over what would otherwise be a signal. Before the question: who types fast types at once.
  stdin.setRawMode(true).resume();
  stderr.write(question);
  let typed: string[] = [];
  // of its own: an encoding set on stdin would stay, for a command that reads bytes from it later
  const decoder = new TextDecoder();
  let read = (_chunk: Buffer): void => {};
  let interrupt = (): void => {};
  try {
    return await new Promise((resolve, reject) => {
      interrupt = () => reject(new MasklineError("interrupted", `stopped at the ${what}; nothing was done`));
      read = (chunk) => {
        const characters = Array.from(decoder.decode(chunk, { stream: true }));
        for (const [index, character] of characters.entries()) {
          if (interrupts.has(character)) return interrupt();
          if (endings.has(character)) {
            // what was typed ahead answers the next question
            stdin.off("data", read).unshift(Buffer.from(characters.slice(index + 1).join("")));
            return resolve(typed.join(""));
          }
          if (erasers.has(character)) typed.pop();
          else if (character === eraseLine) typed = [];
          else typed.push(character);
        }
      };
      stdin.on("data", read).on("end", interrupt);
    });
  } finally {
    stdin.off("data", read).off("end", interrupt).setRawMode(false).pause();
    stderr.write("\n");
  }
}

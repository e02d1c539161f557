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
async function askHidden(question: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(question);
  // raw: the terminal echoes nothing, and hands over what would otherwise be a signal
  stdin.setRawMode(true).setEncoding("utf8").resume();
  let typed: string[] = [];
  try {
    return await new Promise((resolve, reject) => {
      const stop = (): void => void stdin.off("data", read).off("end", onEnd);
      const interrupt = (): void => {
        stop();
        reject(new MasklineError("interrupted", "stopped at the passphrase; nothing was done"));
      };
      const onEnd = interrupt;
      const read = (chunk: string): void => {
        for (const character of chunk) {
          if (interrupts.has(character)) return interrupt();
          if (endings.has(character)) {
            stop();
            return resolve(typed.join(""));
          }
          if (erasers.has(character)) typed.pop();
          else if (character === eraseLine) typed = [];
          else typed.push(character);
        }
      };
      stdin.on("data", read).on("end", onEnd);
    });
  } finally {
    stdin.setRawMode(false).pause();
    stderr.write("\n");
  }
}

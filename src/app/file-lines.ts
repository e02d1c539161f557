import { messageIdentity } from "../contract/identity.ts";
import { MasklineError } from "../errors.ts";
import type { LineReading } from "../sources/files/line.ts";
import { type SentAt, sentAtReader } from "../sources/files/sent-at.ts";
import type { Settings } from "./config/load.ts";

/** A batch of lines closes when they come to this, or to a quarter of what may be held. */
const mostBatchBytes = 16 * 1_048_576;

export function lineReading({ contract }: Settings, sentAt: SentAt | null): LineReading {
  return { mostBytes: contract.maxBodyBytes, sentAt: sentAtReader(sentAt, contract) };
}

export function lineBatchBytes({ options: { limits } }: Settings): number {
  return Math.min(mostBatchBytes, limits.held_bytes / 4);
}

/**
 * Refuses a contract that no line can meet: a line has no sent time (unless something says it), no group and no attributes.
 * @throws MasklineError `usage`, `config_invalid`
 */
export function requireOfLines({ file, contract, options }: Settings, sentAt: SentAt | null): void {
  const dated = contract.columns.filter(({ from }) => from === "$sent_at").map(({ name }) => name);
  if (dated.length > 0 && sentAt === null) {
    throw new MasklineError(
      "usage",
      `${dated.join(", ")} is the time a message was sent ($sent_at), which a line of a file does not have`,
      {
        next: "--sent-at PATH names the field of the event with its time; --sent-at 2024-01-31 is one time for all",
      },
    );
  }
  const foreign = contract.columns.filter(({ from, required }) => required && isOfMessage(from));
  const [first] = foreign;
  if (first !== undefined) {
    throw new MasklineError(
      "config_invalid",
      `${file}: column ${first.name} is required, and a line of a file has no ${first.from}`,
      {
        next: `leave required out for ${foreign.map(({ name }) => name).join(", ")}: it is NULL then`,
      },
    );
  }
  if (options.identity !== messageIdentity && isOfMessage(options.identity)) {
    throw new MasklineError("config_invalid", `${file}: identity is ${options.identity}, which a line of a file does not have`, {
      next: "--set identity=PATH names a field of the event; --set 'identity=$message_id' takes each line for a message of its own",
    });
  }
}

function isOfMessage(from: string): boolean {
  return from === "$group_id" || from.startsWith("$attributes.");
}

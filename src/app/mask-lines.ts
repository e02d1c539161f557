import { compileContract } from "../contract/check.ts";
import { bodyFault, type Fault } from "../contract/fault.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { Masking } from "../pipeline/masking.ts";
import { tokensPass } from "./accepted-tokens.ts";
import type { Settings } from "./config/load.ts";
import { LineEvent } from "./line-event.ts";
import type { Lines } from "./lines.ts";
import { createMasks } from "./masks.ts";
import { createRowLines } from "./row-lines.ts";

/** A line that did not become a row, and why. Holds nothing of what stood in it. */
export interface RefusedLine {
  readonly line: number;
  readonly faults: readonly Fault[];
}

/** What became of some lines: rows as lines of JSON, in the order of their lines, and the rest. */
export interface MaskedLines {
  readonly rows: number;
  readonly bytes: Buffer;
  readonly refused: readonly RefusedLine[];
}

export interface LineMasker {
  /** Columns that come from the message and not from its body ($sent_at, $message_id, ...): a line has no such thing. */
  readonly leftOut: readonly string[];
  mask(lines: Lines): MaskedLines;
}

/** The contract and its masks as a filter over lines, each the body of an event. */
export function createLineMasker(settings: Settings, keys: MaskKeys, acceptTokens: boolean): LineMasker {
  const ofBody = settings.columns.filter(({ column }) => !column.from.startsWith("$"));
  const masked = createMasks(ofBody, keys);
  // nothing is kept of lines that would tell one from another: without an identity they are masked all the same
  const { identity: _identity, ...rest } = settings.contract;
  const contract = { ...rest, columns: ofBody.map(({ column }) => column) };
  const reader = compileContract(contract, acceptTokens ? tokensPass(masked) : new Map());
  const masking = new Masking(masked, { acceptTokens });
  const rowLines = createRowLines(masked);
  return {
    leftOut: settings.columns.filter(({ column }) => column.from.startsWith("$")).map(({ column }) => column.name),
    mask(lines) {
      const rows = { columns: masking.begin(lines.numbers.length), ids: [] };
      const rowNumbers: number[] = [];
      const refused: RefusedLine[] = lines.unreadable.map((line) => ({ line, faults: [unreadable(settings)] }));
      const event = new LineEvent(lines);
      for (let index = 0; index < lines.numbers.length; index += 1) {
        const line = lines.numbers[index] as number;
        event.moveTo(index);
        const refusal = reader.append(event, rows);
        if (refusal === null) rowNumbers.push(line);
        else refused.push({ line, faults: refusal.faults });
      }
      const { columns, refused: unmasked } = masking.finish();
      for (const [row, faults] of unmasked) refused.push({ line: rowNumbers[row] as number, faults });
      refused.sort((left, right) => left.line - right.line);
      const bytes = rowLines.write(columns);
      masking.recycle(columns);
      return { rows: rowNumbers.length - unmasked.size, bytes, refused };
    },
  };
}

function unreadable(settings: Settings): Fault {
  return bodyFault("too_large", `UTF-8 of at most ${settings.contract.maxBodyBytes} bytes`, "another line");
}

import { compileContract } from "../contract/check.ts";
import type { PassesAsIs } from "../contract/column-reader.ts";
import { bodyFault, type Fault } from "../contract/fault.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { canRecognise, masksWhole } from "../masks/mask.ts";
import { type MaskedColumn, Masking } from "../pipeline/masking.ts";
import type { Delivery } from "../pipeline/ports.ts";
import { prepare } from "../pipeline/prepare.ts";
import type { Settings } from "./config/load.ts";
import type { Line } from "./lines.ts";
import { createMasks, plainForm } from "./masks.ts";

/** A line that did not become a row, and why. Holds nothing of what stood in it. */
export interface RefusedLine {
  readonly line: number;
  readonly faults: readonly Fault[];
}

/** What became of some lines: rows as JSON objects, in the order of their lines, and the rest. */
export interface MaskedLines {
  readonly rows: readonly string[];
  readonly refused: readonly RefusedLine[];
}

export interface LineMasker {
  /** Columns that come from the message and not from its body ($sent_at, $message_id, ...): a line has no such thing. */
  readonly leftOut: readonly string[];
  mask(lines: readonly Line[]): MaskedLines;
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
  const writers = masked.map(columnWriter);
  return {
    leftOut: settings.columns.filter(({ column }) => column.from.startsWith("$")).map(({ column }) => column.name),
    mask(lines) {
      const whole = lines.flatMap(({ number, text }) => (text === null ? [] : [delivery(number, text)]));
      const { rows, refused } = prepare(whole, reader, masking);
      const texts = rows.deliveries.map(
        (_, row) => `{${writers.map((write, c) => write(rows.columns[c]?.at(row) ?? null)).join(",")}}`,
      );
      const unread = lines.flatMap(({ number, text }) => (text === null ? [{ line: number, faults: [unreadable(settings)] }] : []));
      const unfit = refused.map(({ delivery: { id }, faults }) => ({ line: Number(id), faults }));
      return { rows: texts, refused: [...unread, ...unfit].sort((left, right) => left.line - right.line) };
    },
  };
}

/** A token is no address and no UUID: it has to pass before its column's type is looked at. */
function tokensPass(masked: readonly MaskedColumn[]): ReadonlyMap<string, PassesAsIs> {
  return new Map(
    masked.flatMap(({ column, mask }) =>
      mask !== null && masksWhole(mask) && canRecognise(mask)
        ? [[column.name, (text: string) => mask.recognises([text])[0] === true]]
        : [],
    ),
  );
}

function delivery(number: number, body: string): Delivery {
  return { id: String(number), body, sentAtMs: null, receivedAtMs: 0, groupId: null, attributes: {}, attempt: 1, handle: "" };
}

function unreadable(settings: Settings): Fault {
  return bodyFault("too_large", `UTF-8 of at most ${settings.contract.maxBodyBytes} bytes`, "another line");
}

/** A column as a member of a JSON object: numbers, booleans and JSON as they are, all else as a text. */
function columnWriter({ column, mask }: MaskedColumn): (value: string | null) => string {
  const name = JSON.stringify(column.name);
  const form = mask === null ? plainForm(column) : mask.form;
  const bare = form === "integer" || form === "number" || form === "boolean" || form === "json";
  return (value) => `${name}:${value === null ? "null" : bare ? value : JSON.stringify(value)}`;
}

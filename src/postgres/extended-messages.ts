/** One statement, and what its `$n` stand for. */
export interface Statement {
  readonly sql: string;
  readonly parameters?: readonly Parameter[];
}

/** Bytes are a value's binary form (array-parameter.ts); in a list they are `bytea`. */
export type Parameter = Element | readonly Element[];
type Element = string | number | Uint8Array | null;

const lengthBytes = 4;
const [parse, bind, describe, execute, syncCode] = [0x50, 0x42, 0x44, 0x45, 0x53];
/** Of the portal without a name. */
const describePortal = message(describe, Buffer.from("P\0"));
/** The same, and as many rows as there are. */
const executePortal = message(execute, Buffer.alloc(1 + lengthBytes));

/** The end of statements that belong together: after an error the server passes over all before it. */
export const sync: Buffer = message(syncCode, Buffer.alloc(0));

/** https://www.postgresql.org/docs/10/protocol-message-formats.html: what makes the server run a statement, its answer as texts. */
export function statementMessages({ sql, parameters = [] }: Statement): readonly Buffer[] {
  const values = parameters.map(asSent);
  const head = Buffer.alloc(2 + 2 + values.length * 2 + 2);
  // bytes are in binary form, texts are not
  head.writeInt16BE(values.length, 2);
  for (const [index, value] of values.entries()) head.writeInt16BE(value.isBinary ? 1 : 0, 4 + index * 2);
  head.writeInt16BE(values.length, 4 + values.length * 2);
  const fields = values.flatMap(({ bytes }) => [int32(bytes?.length ?? -1), bytes ?? nothing]);
  return [message(parse, Buffer.from(`\0${sql}\0\0\0`)), message(bind, head, ...fields, anyText), describePortal, executePortal];
}

const nothing = Buffer.alloc(0);
/** No format is named: all are texts. */
const anyText = Buffer.alloc(2);

function message(code: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, lengthBytes);
  return Buffer.concat([Buffer.from([code]), int32(length), ...parts], 1 + length);
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  bytes.writeInt32BE(value);
  return bytes;
}

function asSent(value: Parameter): { readonly bytes: Buffer | null; readonly isBinary: boolean } {
  if (value === null) return { bytes: null, isBinary: false };
  if (value instanceof Uint8Array) return { bytes: asBuffer(value), isBinary: true };
  const text = typeof value === "object" ? `{${value.map(asElement).join(",")}}` : String(value);
  return { bytes: Buffer.from(text), isBinary: false };
}

/** As the literal of an array has it. */
function asElement(value: Element): string {
  if (value === null) return "NULL";
  if (value instanceof Uint8Array) return `"\\\\x${asBuffer(value).toString("hex")}"`;
  if (typeof value === "number") return String(value);
  return `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

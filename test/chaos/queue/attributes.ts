import { createHash } from "node:crypto";

export interface MessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  /** Base64. */
  readonly BinaryValue?: string;
}

/** By name. */
export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

/** As AWS reckons it (SQS developer guide, "Calculating the MD5 message digest for message attributes"). */
export function attributesMd5(attributes: MessageAttributes): string {
  const hash = createHash("md5");
  const add = (bytes: Buffer): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of Object.keys(attributes).sort()) {
    const { DataType = "", StringValue, BinaryValue } = attributes[name] ?? {};
    add(Buffer.from(name));
    add(Buffer.from(DataType));
    const binary = BinaryValue !== undefined;
    hash.update(Buffer.of(binary ? 2 : 1));
    add(binary ? Buffer.from(BinaryValue, "base64") : Buffer.from(StringValue ?? ""));
  }
  return hash.digest("hex");
}

/** What the attributes add to a message's size. */
export function attributesBytes(attributes: MessageAttributes | null): number {
  if (attributes === null) return 0;
  return Object.entries(attributes).reduce((sum, [name, { DataType, StringValue = "", BinaryValue = "" }]) => {
    const value = Buffer.byteLength(StringValue) + Buffer.byteLength(BinaryValue, "base64");
    return sum + Buffer.byteLength(name) + Buffer.byteLength(DataType) + value;
  }, 0);
}

/** Those that were asked for: `All`, `.*`, `prefix.*` or names. */
export function chosenAttributes(attributes: MessageAttributes | null, asked: readonly string[]): MessageAttributes | null {
  if (attributes === null || asked.length === 0) return null;
  const fits = (name: string): boolean =>
    asked.some((one) => one === "All" || one === name || (one.endsWith(".*") && name.startsWith(one.slice(0, -2))));
  const chosen = Object.entries(attributes).filter(([name]) => fits(name));
  return chosen.length === 0 ? null : Object.fromEntries(chosen);
}

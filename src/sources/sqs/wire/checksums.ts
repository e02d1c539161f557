import { hash } from "node:crypto";

import type { Message } from "@aws-sdk/client-sqs";

/** A message is not what was sent, or not readable as one. */
export class InvalidChecksum extends Error {
  override readonly name = "InvalidChecksum";
}

/**
 * Compares each body, and the attributes where there are any, with the checksum that came with it.
 * @throws InvalidChecksum where one differs or is missing
 */
export function checkMessages(messages: readonly Message[]): void {
  // indexed: an iterator costs as much as one of the hashes
  for (let place = 0; place < messages.length; place += 1) {
    const {
      Body: body = "",
      MD5OfBody: told,
      MessageAttributes: attributes,
      MD5OfMessageAttributes: toldOfThem,
    } = messages[place] ?? {};
    if (typeof body !== "string" || hash("md5", body, "hex") !== told) throw new InvalidChecksum();
    if (attributes !== undefined && toldOfThem !== undefined && md5OfAttributes(attributes) !== toldOfThem)
      throw new InvalidChecksum();
  }
}

/** As it stands in JSON: bytes in base64. */
export interface WireAttribute {
  readonly DataType?: string | undefined;
  readonly StringValue?: string | undefined;
  readonly BinaryValue?: unknown;
}

/** Amazon SQS developer guide, "Calculating the MD5 message digest for message attributes". */
export function md5OfAttributes(attributes: Readonly<Record<string, WireAttribute>>): string {
  const parts: Uint8Array[] = [];
  const add = (bytes: Uint8Array): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  };
  for (const name of Object.keys(attributes).sort()) {
    const { DataType: type = "", StringValue: text, BinaryValue: bytes } = attributes[name] ?? {};
    add(Buffer.from(name));
    add(Buffer.from(type));
    parts.push(Buffer.of(text === undefined ? 2 : 1));
    add(text === undefined ? Buffer.from(String(bytes), "base64") : Buffer.from(text));
  }
  return hash("md5", Buffer.concat(parts), "hex");
}

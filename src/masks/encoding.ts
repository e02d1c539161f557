import { isUtf8 } from "node:buffer";

import { canonicalForms } from "../contract/canonical.ts";
import { MasklineError } from "../errors.ts";
import { type ByteColumn, textColumn } from "./byte-column.ts";
import type { MaskDefinition, MaskEncoding } from "./mask.ts";
import { packedForms, packedLengthBytes } from "./packed-forms.ts";
import { padColumn, paddedLength, unpad } from "./padding.ts";

/** Between the values of a column and the bytes that are masked. */
export interface Encoding {
  encode(values: readonly string[]): ByteColumn;
  /** null when the bytes are none that `encode` writes. */
  decode(bytes: Buffer): string | null;
  /** The most bytes a text of this many code points becomes; null when there is no bound. */
  longestBytes(maxCodePoints: number | null): number | null;
}

/** `packed` for the types that have such a form, `text` for all others. */
export function defaultEncoding(type: MaskDefinition["type"]): MaskEncoding {
  return packedForms[type] === undefined ? "text" : "packed";
}

export function createEncoding({ type, encode }: MaskDefinition): Encoding {
  switch (encode) {
    case "packed":
      return packedEncoding(type);
    case "pad16":
      return paddedEncoding(type);
    case "text":
      return textEncoding(type);
  }
}

function textEncoding(type: MaskDefinition["type"]): Encoding {
  return { encode: textColumn, decode: textOf, longestBytes: (maxCodePoints) => longestText(type, maxCodePoints) };
}

function paddedEncoding(type: MaskDefinition["type"]): Encoding {
  return {
    encode: (values) => padColumn(textColumn(values)),
    decode(bytes) {
      const text = unpad(bytes);
      return text === null ? null : textOf(text);
    },
    longestBytes(maxCodePoints) {
      const longest = longestText(type, maxCodePoints);
      return longest === null ? null : paddedLength(longest);
    },
  };
}

function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString() : null;
}

const longestUtf8CodePointBytes = 4;

/** What the type allows or what so many code points can be, whichever is less. */
function longestText(type: MaskDefinition["type"], maxCodePoints: number | null): number | null {
  const { longest } = canonicalForms[type];
  if (maxCodePoints === null) return longest;
  return Math.min(longest ?? Infinity, maxCodePoints * longestUtf8CodePointBytes);
}

function packedEncoding(type: MaskDefinition["type"]): Encoding {
  const form = packedForms[type];
  if (form === undefined) throw new MasklineError("internal", `a column of type ${type} has no packed form`);
  return {
    encode(values) {
      const bytes = Buffer.alloc(values.length * packedLengthBytes);
      const offsets = new Uint32Array(values.length + 1);
      for (const [index, value] of values.entries()) {
        const packed = form.pack(value);
        if (packed === null) throw new MasklineError("internal", `a value that is no ${type} reached its mask`);
        bytes.set(packed, index * packedLengthBytes);
        offsets[index + 1] = (index + 1) * packedLengthBytes;
      }
      return { bytes, offsets };
    },
    decode: (bytes) => (bytes.length === packedLengthBytes ? form.unpack(bytes) : null),
    longestBytes: () => packedLengthBytes,
  };
}

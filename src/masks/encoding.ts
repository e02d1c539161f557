import { isUtf8 } from "node:buffer";

import { MasklineError } from "../errors.ts";
import { type ByteColumn, textColumn } from "./byte-column.ts";
import type { MaskDefinition, MaskEncoding } from "./mask.ts";
import { packedForms, packedLengthBytes } from "./packed-forms.ts";

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
  return encode === "packed" ? packedEncoding(type) : textEncoding(type);
}

function textEncoding(type: MaskDefinition["type"]): Encoding {
  return {
    encode: textColumn,
    decode: (bytes) => (isUtf8(bytes) ? bytes.toString() : null),
    longestBytes(maxCodePoints) {
      const longest = longestAsciiForms[type];
      if (longest !== undefined) return longest;
      return maxCodePoints === null ? null : maxCodePoints * longestUtf8CodePointBytes;
    },
  };
}

const longestUtf8CodePointBytes = 4;

/** Types whose canonical text is ASCII of a bounded length: eight groups of four hex digits (RFC 5952), a UUID with hyphens. */
const longestAsciiForms: Readonly<Partial<Record<MaskDefinition["type"], number>>> = { ip: 39, uuid: 36 };

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

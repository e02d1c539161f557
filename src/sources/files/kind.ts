import { MasklineError } from "../../errors.ts";

/** How a file holds its lines. */
export type FileKind = "plain" | "gzip" | "zstd";

/** So many bytes tell one from another. */
export const magicBytes = 6;

const magics: readonly (readonly [kind: FileKind | "other", magic: string])[] = [
  ["gzip", "1f8b"],
  ["zstd", "28b52ffd"],
  ["other", "425a68"], // bzip2
  ["other", "fd377a585a00"], // xz
  ["other", "504b0304"], // zip
  ["other", "04224d18"], // lz4
  ["other", "50415231"], // Parquet
  ["other", "4f626a01"], // Avro
];
/** RFC 8878, section 3.1.2: a frame to be skipped, with which parallel packers begin; its first byte is 50 to 5f. */
const skippableMagic = /^5.2a4d18/;

/** The first that fits. */
const extensions: readonly (readonly [kind: FileKind | "csv", pattern: RegExp])[] = [
  ["csv", /\.(csv|tsv)(\.gz|\.zst)?$/i],
  ["gzip", /\.gz$/i],
  ["zstd", /\.zst$/i],
];

/**
 * By the first bytes; where the name says otherwise, one of them is wrong.
 * @param name the base name
 * @throws MasklineError `file_unreadable`
 */
export function kindOf(name: string, head: Uint8Array): FileKind {
  const hex = Buffer.from(head.subarray(0, magicBytes)).toString("hex");
  const found = skippableMagic.test(hex) ? "zstd" : (magics.find(([, magic]) => hex.startsWith(magic))?.[0] ?? "plain");
  const said = extensions.find(([, pattern]) => pattern.test(name))?.[0] ?? null;
  if (said === "csv") {
    throw new MasklineError("file_unreadable", `${name}: CSV is not read yet`, {
      next: "give one JSON object a line (NDJSON), plain, .gz or .zst",
    });
  }
  if (found === "other") {
    throw new MasklineError("file_unreadable", `${name} is no NDJSON: it begins as a packed or binary file of another kind`, {
      next: "give one JSON object a line (NDJSON), plain, .gz or .zst",
    });
  }
  if (said === null || said === found) return found;
  throw new MasklineError("file_unreadable", `${name} is not ${said}, as its name says`, {
    next: found === "plain" ? "rename it if it is plain NDJSON" : `rename it: it is ${found}`,
  });
}

/** Every form in which a value may lie in an output: as it is, encoded, escaped, reversed. */
export function disguises(canary: string): readonly { readonly name: string; readonly pattern: Buffer }[] {
  const bytes = Buffer.from(canary);
  const inBase64 = [0, 1, 2].map((shift) => {
    // what base64 makes of the bytes depends on where they start; the first and last characters also on their neighbours
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    return text.slice(shift === 0 ? 0 : shift + 1, -1);
  });
  const escaped = Array.from(canary, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  const forms: Readonly<Record<string, string | Buffer>> = {
    plain: canary,
    "lower case": canary.toLowerCase(),
    "upper case": canary.toUpperCase(),
    "base64, start 0": inBase64[0] ?? "",
    "base64, start 1": inBase64[1] ?? "",
    "base64, start 2": inBase64[2] ?? "",
    "base64url, start 0": (inBase64[0] ?? "").replaceAll("+", "-").replaceAll("/", "_"),
    hex: bytes.toString("hex"),
    "upper hex": bytes.toString("hex").toUpperCase(),
    "URL-encoded": encodeURIComponent(canary),
    "UTF-16": Buffer.from(canary, "utf16le"),
    "UTF-16, big endian": Buffer.from(canary, "utf16le").swap16(),
    "JSON escapes": escaped,
    reversed: Array.from(canary).reverse().join(""),
  };
  return Object.entries(forms).map(([name, form]) => ({ name, pattern: Buffer.isBuffer(form) ? form : Buffer.from(form) }));
}

/** Which canaries lie in an output, and in which form. */
export function findCanaries(output: Buffer | string, canaries: readonly string[]): string[] {
  const haystack = Buffer.isBuffer(output) ? output : Buffer.from(output);
  return canaries.flatMap((canary) =>
    disguises(canary).flatMap(({ name, pattern }) => (haystack.includes(pattern) ? [`${canary} (${name})`] : [])),
  );
}

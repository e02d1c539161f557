/**
 * A record of RFC 4180, its line end included. A text that a spreadsheet would take for a formula, whoever wrote it into the row, gets
 * an apostrophe before it: = + - @ and the control characters that Excel and LibreOffice skip to find one. Numbers stay numbers.
 */
export function csvRecord(fields: readonly (string | number | null)[]): string {
  return `${fields.map(csvField).join(",")}\r\n`;
}

function csvField(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export interface TableColumn<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null;
  /** Longer values are cut in the middle. */
  readonly width?: number;
  /** Never cut, however narrow the terminal: somebody is going to copy it. */
  readonly whole?: boolean;
}

/** Rows as aligned text, numbers to the right. */
export function formatTable<Row>(columns: readonly TableColumn<Row>[], rows: readonly Row[]): string[] {
  const cells = rows.map((row) => columns.map(({ value, width }) => shorten(cell(value(row)), width ?? 60)));
  const numeric = columns.map(({ value }) => rows.length > 0 && rows.every((row) => typeof value(row) === "number"));
  const widths = columns.map(({ title }, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (values: readonly string[]): string =>
    values
      .map((value, column) => (numeric[column] ? value.padStart(widths[column] ?? 0) : value.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...cells.map(line)];
}

function cell(value: string | number | null): string {
  if (value === null) return "-";
  return typeof value === "number" ? count(value) : showable(value);
}

/** Text that somebody else has written, without what would draw on the terminal, break a line or turn it around. */
export function showable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const head = Math.ceil((width - 3) / 2);
  return `${text.slice(0, head)}...${text.slice(text.length - (width - 3 - head))}`;
}

/** 12,345 or 12,345.6. Written here: the runtime's own way loads its tables of languages first, 13 ms of a start. */
export function count(value: number): string {
  const rounded = Number.isInteger(value) ? value : Math.round(value * 10) / 10;
  return String(rounded).replace(/^-?\d+/, (digits) => digits.replaceAll(/\B(?=(\d{3})+$)/g, ","));
}

/** 1 message, 12,345 messages */
export function messages(number: number): string {
  return `${count(number)} ${number === 1 ? "message" : "messages"}`;
}

/** 2026-11-21 08:15:00Z */
export function moment(date: Date | null): string | null {
  return date === null ? null : `${date.toISOString().slice(0, 19).replace("T", " ")}Z`;
}

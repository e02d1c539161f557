import { formatTable, type TableColumn } from "./table.ts";

/** What a value is cut to, the longest that fits. */
const widths: readonly number[] = [60, 50, 40, 32, 26, 22, 18, 15, 12];

/**
 * Rows as a table that fits the terminal: long values are cut in the middle as far as that needs; where it is not enough, one block a
 * row. In full where there is no terminal.
 */
export function fittedTable<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  terminalWidth: number | null,
): string[] {
  const cutTo = (width: number): string[] =>
    formatTable(
      columns.map((column) => (column.whole === true ? column : { ...column, width })),
      rows,
    );
  if (terminalWidth === null) return cutTo(Infinity);
  for (const width of widths) {
    const lines = cutTo(width);
    if (lines.every((line) => line.length <= terminalWidth)) return lines;
  }
  return rows.flatMap((row, index) => [...(index === 0 ? [] : [""]), ...block(columns, row, terminalWidth)]);
}

function block<Row>(columns: readonly TableColumn<Row>[], row: Row, terminalWidth: number): string[] {
  const titleWidth = Math.max(...columns.map(({ title }) => title.length)) + 2;
  return columns.map(({ title, value, whole, width }) => {
    const room = whole === true ? width : Math.max(8, terminalWidth - titleWidth);
    const column: TableColumn<Row> = { title: "", value, ...(room === undefined ? {} : { width: room }) };
    return `${title.padEnd(titleWidth)}${formatTable([column], [row])[1] ?? ""}`.trimEnd();
  });
}

import { visibleLine } from '../core/terminal/visible-text.ts';

/**
 * Rows of cells → lines with aligned columns. The first row is the header; every row has as many cells. Names and texts of
 * anybody's may stand in them: they move nothing on a terminal.
 */
export function textTable(texts: readonly (readonly string[])[]): string[] {
  const rows = texts.map((row) => row.map(visibleLine));
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}

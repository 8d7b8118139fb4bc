/**
 * An answer as a table for a terminal: a line for each row, a column for each output; outputs that are no rows have a line
 * each. Long lists and texts are cut, and numbers shortened: --json has all of them.
 */
import { textTable } from '../../cli/text-table.ts';
import type { Answer } from './protocol.ts';

const MAX_ROWS = 50;
const MAX_ELEMENTS = 12;
const MAX_TEXT = 80;
const DIGITS = 6;

export function answerTable({ outputs, hasRows }: Answer): string {
  const names = [...outputs.keys()].map(plainText);
  if (!hasRows) {
    const lines = [...outputs].map(([name, value]) => [plainText(name), cellText(value)]);
    return `${textTable([['output', 'value'], ...lines]).join('\n')}\n`;
  }
  const columns = [...outputs.values()] as readonly (readonly unknown[])[];
  const count = columns[0]?.length ?? 0;
  const rows = Array.from({ length: Math.min(count, MAX_ROWS) }, (_, row) =>
    columns.map((column) => cellText(column[row])),
  );
  const more = count > MAX_ROWS ? [`… ${count - MAX_ROWS} more rows; --json has all of them`] : [];
  return `${[...textTable([names, ...rows]), ...more].join('\n')}\n`;
}

function cellText(value: unknown): string {
  if (Array.isArray(value)) {
    const shown = value.slice(0, MAX_ELEMENTS).map(cellText).join(', ');
    return `[${shown}${value.length > MAX_ELEMENTS ? `, … ${value.length - MAX_ELEMENTS} more` : ''}]`;
  }
  if (typeof value === 'number') return String(Number(value.toPrecision(DIGITS)));
  const text = plainText(typeof value === 'string' ? value : (JSON.stringify(value) ?? '-'));
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** A model's text may hold what would command a terminal. */
function plainText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

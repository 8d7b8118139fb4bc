/** How text may look where it is written. */
import type { Environment } from '../../kernel/installation.ts';

/** The used part of a terminal's stream. */
export interface TerminalSize {
  /** Characters a line. Absent or 0 = not known. */
  readonly columns?: number;
  readonly rows?: number;
}

export interface Look {
  /** Lines may be drawn anew where they stand. */
  readonly isLive: boolean;
  readonly hasColour: boolean;
  /** Characters a line, now. */
  columns(): number;
  /** Lines that the terminal shows, now. */
  rows(): number;
}

const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;

/**
 * A terminal that only appends (TERM=dumb, or none is named), and one whose output a CI keeps, get plain lines. NO_COLOR
 * takes the colours alone (no-color.org).
 * @param terminal undefined: it is no terminal
 */
export function lookOf(terminal: TerminalSize | undefined, environment: Environment): Look {
  const { TERM: term = 'dumb', CI: ci = '', NO_COLOR: noColour = '' } = environment;
  const isPlain = terminal === undefined || term === 'dumb' || term === '' || !/^(|0|false)$/i.test(ci);
  return {
    isLive: !isPlain,
    hasColour: !isPlain && noColour === '',
    columns: () => terminal?.columns || USUAL_COLUMNS,
    rows: () => terminal?.rows || USUAL_ROWS,
  };
}

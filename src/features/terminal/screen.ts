/**
 * Lines on a terminal: those that stay, and below them those that are drawn anew while something goes on.
 *
 * Whatever a text holds, it moves nothing: characters that a terminal acts upon, or that change the order of others, are
 * shown by their numbers. All text goes through here.
 */
import { visible, visibleLine } from '../../core/terminal/visible-text.ts';
import type { Look } from './look.ts';

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green';

/** A part of a line. A line break in it begins a line that is indented, so that no text looks like two. */
export interface Span {
  readonly text: string;
  readonly style?: Style | undefined;
}

export type Line = readonly Span[];

/** Select Graphic Rendition, ECMA-48. */
const STYLES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, yellow: 33, green: 32 };
const ESC = '\u001b[';
/** A terminal that is narrower shows nothing useful. */
const LEAST_COLUMNS = 20;
const LEAST_ROWS = 3;

export class Screen {
  readonly #write: (text: string) => void;
  readonly #look: Look;
  /** The lines that are drawn anew next time, as they stand there. */
  #drawn: readonly string[] = [];

  /** `write` takes whole lines, with the sequences that move the cursor to them. */
  constructor(write: (text: string) => void, look: Look) {
    this.#write = write;
    this.#look = look;
  }

  /** Writes the lines that stay, and those that take the place of the ones that moved until now. */
  show(staying: readonly Line[], moving: readonly Line[] = []): void {
    const drawn = this.#look.isLive ? this.#fitting(moving) : [];
    if (staying.length === 0 && drawn.join('\n') === this.#drawn.join('\n')) return;
    const back = this.#drawn.length === 0 ? '' : `\r${ESC}${this.#drawn.length}A${ESC}J`;
    const kept = staying.map((line) => `${this.#painted(line)}\n`).join('');
    // The terminal does not wrap these, so that a line of wide characters takes one line as well.
    const below = drawn.length === 0 ? '' : `${ESC}?7l${drawn.map((line) => `${line}\n`).join('')}${ESC}?7h`;
    this.#drawn = drawn;
    this.#write(`${back}${kept}${below}`);
  }

  #fitting(lines: readonly Line[]): readonly string[] {
    const most = Math.max(this.#look.rows(), LEAST_ROWS) - 1;
    const width = Math.max(this.#look.columns(), LEAST_COLUMNS) - 1;
    return lines.slice(0, most).map((line) => this.#painted(cut(line, width)));
  }

  #painted(line: Line): string {
    return line.map(({ text, style }) => this.#styled(visible(text), style)).join('');
  }

  #styled(text: string, style: Style | undefined): string {
    return style === undefined || text === '' || !this.#look.hasColour
      ? text
      : `${ESC}${STYLES[style]}m${text}${ESC}0m`;
  }
}

/** One line of so many characters at most. */
function cut(line: Line, width: number): Line {
  let left = width;
  return line.map(({ text, style }) => {
    const characters = [...visibleLine(text)];
    const shown =
      characters.length <= left
        ? characters.join('')
        : `${characters.slice(0, Math.max(0, left - 3)).join('')}...`.slice(0, left);
    left -= [...shown].length;
    return { text: shown, style };
  });
}

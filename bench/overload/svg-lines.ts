/** Shares over time as an SVG file: one line for each contestant, ours strong. */
import { escapeXml } from '../compare/svg-plot.ts';

export interface Line {
  readonly label: string;
  readonly isOurs: boolean;
  /** Values from 0 to 1, one each `stepMs`; null = none. */
  readonly values: readonly (number | null)[];
}

export interface LinePlot {
  readonly title: string;
  readonly unit: string;
  readonly stepMs: number;
  readonly lines: readonly Line[];
}

const WIDTH = 760;
const HEIGHT = 340;
const BOX = { left: 44, top: 50, right: 560, bottom: 300 } as const;
const FONT = 'font-family="system-ui, sans-serif"';
const TEXT = '#222';
const OURS = '#0b6e4f';
/** Apart from each other for eyes that do not tell red from green, too. */
const OTHERS = ['#8d99ae', '#b5651d', '#3a6ea5', '#9467bd', '#c44e52', '#6b705c'];

export function linePlot({ title, unit, stepMs, lines }: LinePlot): string {
  const steps = Math.max(...lines.map(({ values }) => values.length), 1);
  const x = (i: number): number => round(BOX.left + ((i + 0.5) / steps) * (BOX.right - BOX.left));
  const y = (share: number): number => round(BOX.bottom - share * (BOX.bottom - BOX.top));
  const seconds = (steps * stepMs) / 1000;
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="${BOX.left}" x2="${BOX.right}" y1="${y(share)}" y2="${y(share)}" stroke="#e3e6ec"/>` +
      `<text x="${BOX.left - 6}" y="${y(share) + 4}" text-anchor="end" ${FONT} font-size="11" fill="${TEXT}">${share}</text>`,
  );
  const ticks = Array.from({ length: Math.floor(seconds) + 1 }, (_, s) => {
    const at = round(BOX.left + (s / seconds) * (BOX.right - BOX.left));
    return `<text x="${at}" y="${BOX.bottom + 16}" text-anchor="middle" ${FONT} font-size="11" fill="${TEXT}">${s}</text>`;
  });
  const colours = coloursOf(lines);
  // Ours last: on top.
  const order = lines.map((line, i) => ({ line, i })).sort((a, b) => Number(a.line.isOurs) - Number(b.line.isOurs));
  const paths = order.map(({ line, i }) => path(line, colours[i]!, x, y));
  const legend = lines.map((line, i) => legendRow(line, colours[i]!, BOX.top + 20 * i));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeXml(title)}">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="12" y="20" ${FONT} font-size="15" font-weight="600" fill="${TEXT}">${escapeXml(title)}</text>
<text x="12" y="37" ${FONT} font-size="12" fill="${TEXT}">${escapeXml(unit)}</text>
${[...grid, ...ticks, ...paths, ...legend].join('\n')}
</svg>
`;
}

function coloursOf(lines: readonly Line[]): string[] {
  let next = 0;
  return lines.map(({ isOurs }) => (isOurs ? OURS : OTHERS[next++ % OTHERS.length]!));
}

/** A gap where there is no value. */
function path(
  { values, isOurs }: Line,
  colour: string,
  x: (i: number) => number,
  y: (share: number) => number,
): string {
  const moves: string[] = [];
  let isDown = false;
  for (const [i, value] of values.entries()) {
    if (value === null) {
      isDown = false;
      continue;
    }
    moves.push(`${isDown ? 'L' : 'M'}${x(i)} ${y(value)}`);
    isDown = true;
  }
  return `<path d="${moves.join('')}" fill="none" stroke="${colour}" stroke-width="${isOurs ? 2.5 : 1.3}"/>`;
}

function legendRow({ label, isOurs }: Line, colour: string, y: number): string {
  const weight = isOurs ? ' font-weight="600"' : '';
  return (
    `<line x1="${BOX.right + 12}" x2="${BOX.right + 28}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="3"/>` +
    `<text x="${BOX.right + 34}" y="${y + 4}" ${FONT} font-size="12" fill="${TEXT}"${weight}>${escapeXml(label)}</text>`
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

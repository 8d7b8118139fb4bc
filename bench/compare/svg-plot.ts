/** Horizontal bars as an SVG file: one bar a server with the median, a thin line from the least to the most round. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly isOurs: boolean;
}

export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LABEL_WIDTH = 300;
const VALUE_WIDTH = 80;
const ROW = 26;
const TOP = 46;
const BOTTOM = 12;
const FONT = 'font-family="system-ui, sans-serif"';
/** Readable on the white of the plot, whatever the page's own colours. */
const COLOUR = { ours: '#0b6e4f', other: '#8d99ae', text: '#222', range: '#222' };

/** Longest bar first. */
export function barPlot({ title, unit, bars }: Plot): string {
  const sorted = [...bars].sort((a, b) => b.value - a.value);
  const largest = Math.max(...sorted.map(({ most }) => most), Number.MIN_VALUE);
  const scale = (value: number): number =>
    Math.round((value / largest) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH) * 10) / 10;
  const height = TOP + sorted.length * ROW + BOTTOM;
  const rows = sorted.map((bar, i) => barRow(bar, TOP + i * ROW, scale));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="12" y="20" ${FONT} font-size="15" font-weight="600" fill="${COLOUR.text}">${escapeXml(title)}</text>
<text x="12" y="37" ${FONT} font-size="12" fill="${COLOUR.text}">${escapeXml(unit)}</text>
${rows.join('\n')}
</svg>
`;
}

function barRow({ label, value, least, most, isOurs }: Bar, y: number, scale: (value: number) => number): string {
  const middle = y + ROW / 2;
  const text = `${FONT} font-size="13" fill="${COLOUR.text}"`;
  return [
    `<text x="${LABEL_WIDTH - 8}" y="${middle + 4}" text-anchor="end" ${text}${isOurs ? ' font-weight="600"' : ''}>${escapeXml(label)}</text>`,
    `<rect x="${LABEL_WIDTH}" y="${y + 4}" width="${scale(value)}" height="${ROW - 8}" fill="${isOurs ? COLOUR.ours : COLOUR.other}"/>`,
    `<line x1="${LABEL_WIDTH + scale(least)}" x2="${LABEL_WIDTH + scale(most)}" y1="${middle}" y2="${middle}" stroke="${COLOUR.range}" stroke-width="1.5"/>`,
    `<text x="${LABEL_WIDTH + scale(most) + 8}" y="${middle + 4}" ${text}>${formatNumber(value)}</text>`,
  ].join('\n');
}

/** Three digits or more, thousands apart. */
export function formatNumber(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Escapes text and attributes. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

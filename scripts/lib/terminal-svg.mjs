/** The bytes that commands write to a terminal → what stands there in the end, as an SVG. */

const FONT_PX = 13;
const CELL_PX = 7.8;
const LINE_PX = 18;
const MARGIN_PX = 16;
const COLOURS = { fore: '#d6deeb', back: '#16202c', dim: '#8794a5' };
/** The colours that SGR numbers from 30 and from 90 on. */
const PALETTE = ['#5c6773', '#ef6b73', '#8fce7a', '#e6c06d', '#6aa9f0', '#c792ea', '#5fc9d8', '#d6deeb'];

const ESCAPE = String.fromCharCode(0x1b);
/** An escape sequence of CSI, one of another kind, or a character. */
const PIECE = new RegExp(`${ESCAPE}\\[([?\\d;]*)([A-Za-z])|${ESCAPE}[^[]|[\\s\\S]`, 'gu');

/**
 * The cells of each row: a character and its style. Knows what Pillion writes: colours, the cursor upwards, erasing.
 * @param {string} text @param {number} columns of the terminal: longer lines go on in the next row
 */
export function screenOf(text, columns) {
  const rows = [[]];
  let [row, column, style] = [0, 0, {}];
  for (const [piece, numbers = '', what] of text.matchAll(PIECE)) {
    const count = Number.parseInt(numbers, 10) || 1;
    if (what === 'm') style = styled(style, numbers);
    else if (what === 'A') row = Math.max(0, row - count);
    else if (what === 'G') column = count - 1;
    else if (what === 'K') rows[row].length = numbers === '2' ? 0 : Math.min(rows[row].length, column);
    else if (what === 'J') {
      rows.length = row + 1;
      rows[row].length = Math.min(rows[row].length, column);
    } else if (piece === '\r') column = 0;
    else if (piece === '\n') {
      row += 1;
      column = 0;
      rows[row] ??= [];
    } else if (piece >= ' ' && what === undefined && !piece.startsWith(ESCAPE)) {
      if (column === columns) {
        row += 1;
        column = 0;
        rows[row] ??= [];
      }
      while (rows[row].length < column) rows[row].push({ character: ' ', style: {} });
      rows[row][column++] = { character: piece, style };
    }
  }
  while (rows.length > 0 && rows.at(-1).length === 0) rows.pop();
  return rows;
}

function styled(before, numbers) {
  let style = before;
  for (const code of numbers.split(';').map(Number)) {
    if (code === 0) style = {};
    else if (code === 1) style = { ...style, isBold: true };
    else if (code === 2) style = { ...style, colour: COLOURS.dim };
    else if (code === 22) style = { ...style, isBold: false, colour: undefined };
    else if (code === 39) style = { ...style, colour: undefined };
    else if (code >= 30 && code <= 37) style = { ...style, colour: PALETTE[code - 30] };
    else if (code >= 90 && code <= 97) style = { ...style, colour: PALETTE[code - 90] };
  }
  return style;
}

/** @param {string} text @param {string} title of plain words, for those who do not see it @param {number} columns of the terminal */
export function terminalSvg(text, title, columns) {
  const rows = screenOf(text, columns);
  const width = Math.ceil(columns * CELL_PX + 2 * MARGIN_PX);
  const height = rows.length * LINE_PX + 2 * MARGIN_PX;
  const lines = rows.map((row, i) => rowText(row, MARGIN_PX + i * LINE_PX + FONT_PX)).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${title}</title>
<rect width="100%" height="100%" rx="8" fill="${COLOURS.back}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace" font-size="${FONT_PX}" fill="${COLOURS.fore}">
${lines}</g>
</svg>
`;
}

/** A run of cells of one style is one element of a fixed length, so that columns stand whatever font there is. */
function rowText(row, y) {
  const runs = [];
  for (const [column, { character, style }] of row.entries()) {
    const last = runs.at(-1);
    if (last !== undefined && last.style === style) last.text += character;
    else runs.push({ column, style, text: character });
  }
  return runs
    .filter(({ text }) => text.trim() !== '')
    .map(({ column, style: { colour, isBold }, text }) => {
      const own = text.trimEnd();
      const look = `${colour === undefined ? '' : ` fill="${colour}"`}${isBold ? ' font-weight="bold"' : ''}`;
      const length = `textLength="${(own.length * CELL_PX).toFixed(1)}" lengthAdjust="spacingAndGlyphs"`;
      return `<text x="${(MARGIN_PX + column * CELL_PX).toFixed(1)}" y="${y}"${look} ${length}>${escaped(own)}</text>\n`;
    })
    .join('');
}

/** Several blanks in a row are one to a browser, unless they are of the kind that is not broken. */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0');
}

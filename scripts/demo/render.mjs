/** The demo's output: scans as text, a trace as a tree. */

const INK = ' ░▒▓█';

/** 64 values 0..16 → 8 lines of 16 characters. */
function scanLines(pixels) {
  const lines = [];
  for (let row = 0; row < 8; row++) {
    const line = pixels.slice(row * 8, row * 8 + 8).map((value) => INK[Math.min(4, Math.ceil(value / 4))].repeat(2));
    lines.push(line.join(''));
  }
  return lines;
}

/** Cards {pixels, caption} side by side, `perRow` a row. */
export function renderScans(cards, perRow) {
  const out = [];
  for (let i = 0; i < cards.length; i += perRow) {
    const row = cards.slice(i, i + perRow);
    const columns = row.map((card) => scanLines(card.pixels));
    for (let line = 0; line < 8; line++) out.push(`  ${columns.map((column) => column[line]).join('  ')}`.trimEnd());
    out.push(`  ${row.map((card) => card.caption.padEnd(16)).join('  ')}`.trimEnd(), '');
  }
  return out.join('\n');
}

const ms = (from, to) => Number(BigInt(to) - BigInt(from)) / 1e6;

/** OTLP spans of one trace → a tree with start offsets and durations. */
export function renderTrace(spans) {
  const ids = new Set(spans.map((span) => span.spanId));
  const children = new Map();
  for (const span of spans) {
    const parent = ids.has(span.parentSpanId) ? span.parentSpanId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const [top] = children.get('');
  const lines = [];
  const visit = (span, prefix, branch) => {
    const label = `${prefix}${branch}${span.name}`;
    const start = `+${ms(top.startTimeUnixNano, span.startTimeUnixNano).toFixed(3)}`;
    const duration = `${ms(span.startTimeUnixNano, span.endTimeUnixNano).toFixed(3)} ms`;
    lines.push(`  ${label.padEnd(34)} ${start.padStart(8)}  ${duration.padStart(10)}  ${notes(span)}`.trimEnd());
    const below = (children.get(span.spanId) ?? []).sort((a, b) =>
      BigInt(a.startTimeUnixNano) < BigInt(b.startTimeUnixNano) ? -1 : 1,
    );
    below.forEach((child, i) => {
      const isLast = i === below.length - 1;
      const inner = branch === '' ? '' : `${prefix}${branch === '└─ ' ? '   ' : '│  '}`;
      visit(child, inner, isLast ? '└─ ' : '├─ ');
    });
  };
  for (const span of children.get('')) visit(span, '', '');
  return lines.join('\n');
}

/** A span's attribute as a number or text. */
export function attribute(span, key) {
  const value = span.attributes?.find((each) => each.key === key)?.value;
  return value?.intValue ?? value?.doubleValue ?? value?.stringValue;
}

function notes(span) {
  const rows = attribute(span, 'inference.batch.rows');
  const links = span.links?.length ?? 0;
  if (span.name === 'inference.batch') {
    // It is the child of one member, and linked to the others.
    const requests = links + (span.parentSpanId ? 1 : 0);
    return `${rows} rows of ${requests === 1 ? '1 request' : `${requests} requests, linked to each of them`}`;
  }
  return links > 0 ? '→ linked to its batch' : '';
}

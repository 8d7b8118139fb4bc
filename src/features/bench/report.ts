/** The figures of a measurement as a table, and what they are worth. */
import { textTable } from '../../cli/text-table.ts';
import { visible } from '../../core/terminal/visible-text.ts';
import type { Tally } from './tally.ts';

export interface Measured {
  readonly url: string;
  readonly tally: Tally;
  /** The seconds that it was measured. */
  seconds: number;
}

const PERCENTS = [50, 90, 99, 99.9, 100];
/** The client is the bound where its own lateness is as large a part of the median latency. */
const LATE_SHARE = 0.1;
/** Lateness below this is the event loop's own grain. */
const LATE_MS = 0.5;

/** The table of one server, or of two with their ratio. */
export function figuresTable(measured: readonly Measured[], rate: number): string {
  const isPair = measured.length === 2;
  const [a, b] = measured.map(columnOf);
  const names = isPair ? ['A', 'B', 'B/A'] : ['measured'];
  const rows = a!.map(([label, value], i) => {
    const other = b?.[i]?.[1];
    return [label, shown(value), ...(isPair ? [shown(other), ratio(value, other)] : [])];
  });
  const heads = measured.map(({ url }, i) => `${isPair ? `${names[i]}  ` : ''}${url}`);
  const errors = measured.flatMap(({ tally }, i) =>
    [...tally.errors].map(
      ([kind, count]) => `${isPair ? `${names[i]}: ` : ''}${kind}: ${count}${exampleOf(tally, kind)}`,
    ),
  );
  const lines = [
    ...heads,
    '',
    ...textTable([[`${rate} a second`, ...names], ...rows]),
    ...(errors.length > 0 ? ['', ...errors] : []),
    ...clientBounds(measured).map((text) => `\n${text}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** The first text of such an answer, for a terminal. */
function exampleOf(tally: Tally, kind: string): string {
  const text = tally.examples.get(kind);
  return text === undefined ? '' : `, such as ${visible(text)}`;
}

function columnOf({ tally, seconds }: Measured): readonly (readonly [label: string, value: number | undefined])[] {
  return [
    ...PERCENTS.map((percent) => [percent === 100 ? 'max ms' : `p${percent} ms`, tally.latencyMs(percent)] as const),
    ['p50 ms from sent', tally.latencyFromSentMs(50)],
    ['p99 ms late', tally.latenessMs(99)],
    ['sent', tally.sent],
    ['answered', tally.answered],
    ['answered a second', tally.answered / seconds],
  ];
}

function shown(value: number | undefined): string {
  if (value === undefined) return '-';
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}

function ratio(a: number | undefined, b: number | undefined): string {
  return a === undefined || b === undefined || a === 0 ? '-' : (b / a).toFixed(2);
}

/** Sentences about figures that tell of this client. */
export function clientBounds(measured: readonly Measured[]): readonly string[] {
  return measured.flatMap(({ url, tally }) => {
    // A latency is doubted where there is one.
    if (tally.answered === 0) return [];
    const late = tally.latenessMs(99) ?? 0;
    const median = tally.latencyFromSentMs(50) ?? 0;
    if (late <= Math.max(LATE_MS, LATE_SHARE * median)) return [];
    return [
      `This client was the bound for ${url}: a hundredth of the requests were sent ${late.toFixed(1)} ms late or more, and an ` +
        `answer takes ${median.toFixed(1)} ms. Its machine is too busy or the rate too high: believe no latency above the median.`,
    ];
  });
}

/** The same in JSON. */
export function figuresJson(measured: readonly Measured[], rate: number): string {
  const servers = measured.map(({ url, tally, seconds }) => ({
    url,
    seconds,
    sent: tally.sent,
    answered: tally.answered,
    errors: Object.fromEntries(tally.errors),
    latency_ms: Object.fromEntries(PERCENTS.map((percent) => [`p${percent}`, tally.latencyMs(percent)])),
    from_sent_ms: Object.fromEntries(PERCENTS.map((percent) => [`p${percent}`, tally.latencyFromSentMs(percent)])),
    late_ms: Object.fromEntries(PERCENTS.map((percent) => [`p${percent}`, tally.latenessMs(percent)])),
  }));
  return `${JSON.stringify({ rate, servers, client_bounds: clientBounds(measured) })}\n`;
}

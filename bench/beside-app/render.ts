/** The figures of all rounds as a table for people. Times in ms; a percentile is of all rounds' requests together. */
import { median, medianRatio, quantile } from '../support/statistics.ts';
import type { Answered, ClientFigures } from './app-client.ts';
import type { CoreUse } from './core-use.ts';

export interface Turn {
  readonly clients: ClientFigures;
  /** The use of each process's event loop, for each request of the application. */
  readonly app: CoreUse;
  readonly server: CoreUse | undefined;
  /** Predict answers a second. */
  readonly goodput: number;
  readonly failedRuns: number;
  /** The share of all cores that others took, the model's callers among them. */
  readonly foreignShare: number;
}

export interface Row {
  readonly name: string;
  readonly turns: readonly Turn[];
}

const HEAD = [
  ...['', 'p50', 'p99', 'max', '× quiet', 'to app p99', 'in app p99', 'back p99'],
  ...['app waits', 'server runs', 'server waits', 'late p99', 'others', 'Predict/s', 'failed', 'p99 by round'],
];

/** `× quiet`: the median of the rounds' own ratios to the row before a loaded one. */
export function renderRates(rows: readonly Row[]): string {
  const lines = rows.map((row, i) => cellsOf(row, row.name.endsWith(' loaded') ? rows[i - 1] : undefined));
  const widths = HEAD.map((_, column) => Math.max(...[HEAD, ...lines].map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...lines.map(line)].join('\n');
}

function cellsOf({ name, turns }: Row, quiet: Row | undefined): string[] {
  const of = (part: keyof Answered, share: number): string =>
    ms(
      quantile(
        turns.flatMap(({ clients }) => clients.answered.map((each) => each[part])),
        share,
      ),
    );
  const p99s = p99sOf(turns);
  const failed = turns.reduce((sum, { clients, failedRuns }) => sum + clients.failed + failedRuns, 0);
  const ofServer = (part: keyof CoreUse): string => {
    const values = turns.flatMap(({ server }) => (server === undefined ? [] : [server[part]]));
    return values.length === 0 ? '' : ms(median(values));
  };
  return [
    ...[name, of('total', 0.5), of('total', 0.99), of('total', 1)],
    quiet === undefined ? '' : medianRatio(p99s, p99sOf(quiet.turns)).toFixed(2),
    ...[of('toApp', 0.99), of('inApp', 0.99), of('back', 0.99)],
    ...[ms(median(turns.map(({ app }) => app.waited))), ofServer('ran'), ofServer('waited')],
    ms(
      quantile(
        turns.flatMap(({ clients }) => clients.lateness),
        0.99,
      ),
    ),
    median(turns.map(({ foreignShare }) => foreignShare)).toFixed(2),
    ...[median(turns.map(({ goodput }) => goodput)).toFixed(0), String(failed), p99s.map(ms).join(' ')],
  ];
}

function p99sOf(turns: readonly Turn[]): number[] {
  return turns.map(({ clients }) =>
    quantile(
      clients.answered.map(({ total }) => total),
      0.99,
    ),
  );
}

function ms(micros: number): string {
  return (micros / 1000).toFixed(2);
}

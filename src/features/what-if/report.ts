/** The report that `pillion what-if` prints. */
import { textTable } from '../../cli/text-table.ts';
import { visible } from '../../core/terminal/visible-text.ts';
import type { WindowFigures } from './figures.ts';

export interface WhatIfReport {
  readonly span_ms: number;
  /** Requests of the span that the server has forgotten. */
  readonly dropped: number;
  /** The change as a clause: "4 cores and 1.5 times the load". */
  readonly change: string;
  /** Figures that the server measured. */
  readonly measured: WindowFigures;
  readonly as_it_is: WindowFigures;
  readonly changed: WindowFigures;
  readonly sentence: string;
  /** Sentences about the limits of these numbers. */
  readonly notes: readonly string[];
}

/** Shares that differ by more are worth a word. */
const MARGIN = 0.05;

/** The result in plain words. */
export function sentenceOf(change: string, as: WindowFigures, changed: WindowFigures): string {
  const [before, after] = [share(as.inTime), share(changed.inTime)];
  if (before === after) return `With ${change} ${after} of the requests would be in time, as without.`;
  return `With ${change} ${after} of the requests would be in time instead of ${before}.`;
}

/** Undefined where the simulation comes near to what was measured. */
export function doubtOf(measured: WindowFigures, as: WindowFigures): string | undefined {
  const off = Math.abs(measured.inTime - as.inTime);
  if (off <= MARGIN) return undefined;
  return (
    `The simulation is off by ${share(off)} from what the server measured: trust the direction, not the numbers. ` +
    'Other work on the machine, or large inputs, may be why.'
  );
}

/** The text for a terminal. */
export function asText({ span_ms, change, measured, as_it_is, changed, sentence, notes }: WhatIfReport): string {
  const columns = [measured, as_it_is, changed];
  const row = (name: string, cell: (figures: WindowFigures) => string): string[] => [name, ...columns.map(cell)];
  const table = textTable([
    ['', 'measured', 'simulated as it is', `simulated with ${change}`],
    row('in time', ({ inTime }) => share(inTime)),
    row('refused', ({ refused }) => share(refused)),
    row('p50', ({ p50Ms }) => ms(p50Ms)),
    row('p99', ({ p99Ms }) => ms(p99Ms)),
    row('cores used', ({ coresUsed }) => (coresUsed === undefined ? '-' : coresUsed.toFixed(2))),
  ]);
  const head = `${measured.requests} ${measured.requests === 1 ? 'request' : 'requests'} in ${(span_ms / 1000).toFixed(1)} s`;
  return [head, '', ...table, '', visible(sentence), ...notes.map(visible), ''].join('\n');
}

/** The report as JSON, which has no NaN: a percentile of no answers is null there. */
export function asJson(report: WhatIfReport): string {
  const figures = ({ requests, inTime, refused, p50Ms, p99Ms, coresUsed }: WindowFigures): object => ({
    requests,
    in_time: inTime,
    refused,
    p50_ms: p50Ms,
    p99_ms: p99Ms,
    cores_used: coresUsed ?? null,
  });
  const { measured, as_it_is, changed, ...rest } = report;
  const shown = {
    ...rest,
    measured: figures(measured),
    as_it_is: figures(as_it_is),
    changed: figures(changed),
  };
  return `${JSON.stringify(shown)}\n`;
}

/** Rounds a share, but never to 1.000 or 0.000 if it is not all or nothing. */
function share(value: number): string {
  if (value < 1 && value > 0.9995) return '0.999';
  if (value > 0 && value < 0.0005) return '0.001';
  return value.toFixed(3);
}

function ms(value: number): string {
  if (Number.isNaN(value)) return '-';
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
}

/** The learned run time by batch size, and the run times of recent batches. */

import type { LatencyDetail } from '../../../../admin/model-detail.ts';
import type { LiveTick } from '../../live-report.ts';
import { duration } from '../format.ts';
import { type ModelChoice, versionsOf } from '../live-window.ts';
import { Plot } from './plot.tsx';

const MOST_POINTS = 800;

/** The top of the plot: a few stalls must not flatten the curve. */
function shownMs(curve: LatencyDetail, ran: readonly (readonly [number, number])[]): number {
  const sorted = ran.map(([, runMs]) => runMs).sort((a, b) => a - b);
  const usual = sorted[Math.floor(sorted.length * 0.9)] ?? 0;
  return Math.max(usual * 1.2, 1.3 * Math.max(...curve.sizes.map(({ high_ms }) => high_ms)));
}

export function CurvePlot(props: { ticks: readonly LiveTick[]; choice: ModelChoice; curve: LatencyDetail }) {
  const { ticks, choice, curve } = props;
  const ran = ticks
    .flatMap((tick) => versionsOf(tick, choice))
    .flatMap((version) => version.batches?.points ?? [])
    .slice(-MOST_POINTS);
  const learned = new Map(curve.sizes.map((size) => [size.rows, size]));
  const known = curve.sizes.filter(({ runs }) => runs > 0);
  const marks = [
    ...curve.sizes.map(({ rows }) => ({ rows, runMs: null })),
    ...ran.map(([rows, runMs]) => ({ rows, runMs })),
  ].sort((a, b) => a.rows - b.rows);
  // The lines have one point for each size; the points of runs are beside them.
  const isOfLine = marks.map(({ runMs }) => runMs === null);
  const line = (pick: 'mean_ms' | 'high_ms') =>
    marks.map(({ rows }, i) => (isOfLine[i] ? (learned.get(rows)?.[pick] ?? null) : null));
  const most = curve.sizes.at(-1)?.rows ?? 1;
  const mostY = shownMs(curve, ran);
  const beyond = ran.filter(([, runMs]) => runMs > mostY).length;
  return (
    <>
      <Plot
        description="Expected length of a run by rows of the batch, and runs as they were"
        x={marks.map(({ rows }) => rows)}
        scaleX="log2"
        rangeX={[0.9, Math.max(2, most) * 1.1]}
        format={duration}
        formatX={(rows) => `${Math.round(rows)}`}
        formatAt={(rows) => `at ${rows} ${rows === 1 ? 'row' : 'rows'}`}
        height={220}
        mostY={mostY}
        series={[
          { label: 'ran', colour: '--sky', look: 'points', values: marks.map(({ runMs }) => runMs) },
          { label: 'nearly all within', colour: '--orange', look: 'dashed', values: line('high_ms') },
          { label: 'expected', colour: '--blue', look: 'line', values: line('mean_ms') },
        ]}
      />
      <p class="hint">
        Rows of a batch, padding included.{' '}
        {known.length === curve.sizes.length
          ? `All ${known.length} sizes have run, at the load or since.`
          : `${known.length} of ${curve.sizes.length} sizes have run; the others are estimated from them.`}{' '}
        {beyond > 0 && `${beyond} of the last ${ran.length} runs took longer; they are shown at the top.`}
      </p>
    </>
  );
}

/** Charts of the last minutes: requests by outcome, time to answer, time by stage; and a sparkline of requests. */

import { percentileMs } from '../../../../ledger/latency-buckets.ts';
import { STAGES } from '../../../../ledger/stage-clock.ts';
import type { LiveTick } from '../../live-report.ts';
import { count, duration } from '../format.ts';
import { SHOWN_SECONDS } from '../live.ts';
import { endings, type ModelChoice, meanStages, stretches, versionsOf } from '../live-window.ts';
import type { Span } from '../range.ts';
import { Plot, type PlotSeries } from './plot.tsx';

interface TimePlotProps {
  readonly ticks: readonly LiveTick[];
  readonly choice?: ModelChoice | undefined;
  /** The span of the x axis; by default the last minutes before the newest tick. */
  readonly span?: Span;
}

const clockTime = (seconds: number): string => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

/** The x axis of all time plots, in seconds: both ends of each stretch. */
function timeAxis(ticks: readonly LiveTick[], span: Span | undefined) {
  const newest = (span?.to ?? ticks.at(-1)?.at_ms ?? Date.now()) / 1000;
  return {
    x: stretches(ticks).flatMap(({ from, to }) => [from / 1000, to / 1000]),
    formatX: clockTime,
    rangeX: [span === undefined ? newest - SHOWN_SECONDS : span.from / 1000, newest] as const,
  };
}

/** Each tick's value over the time that it was counted, as a step; a gap where nobody counted or there is no value. */
function steps(ticks: readonly LiveTick[], values: readonly (number | null)[]): readonly (number | null)[] {
  return stretches(ticks).flatMap(({ at }) => {
    const value = at === undefined ? null : values[at]!;
    return [value, value];
  });
}

export function EndingsPlot({ ticks, choice, span }: TimePlotProps) {
  const each = ticks.map((tick) => ({ ...endings(versionsOf(tick, choice)), seconds: tick.span_ms / 1000 }));
  const kinds = [
    ['in time', '--blue', 'inTime'],
    ['late', '--orange', 'late'],
    ['refused', '--purple', 'refused'],
    ['failed', '--vermillion', 'failed'],
    ['wrong', '--grey', 'wrong'],
  ] as const;
  const layers = kinds.map(([label, colour, kind]) => ({
    label,
    colour,
    legend: steps(
      ticks,
      each.map((tick) => tick[kind] / tick.seconds),
    ),
  }));
  return (
    <Plot
      description="Requests per second, by outcome"
      {...timeAxis(ticks, span)}
      format={(value) => `${count(value)}/s`}
      series={stacked(layers)}
    />
  );
}

export function LatencyPlot({ ticks, choice, span }: TimePlotProps) {
  const latency = ticks.map((tick) => versionsOf(tick, choice).map((version) => version.latency));
  const line = (label: string, colour: string, share: number): PlotSeries => ({
    label,
    colour,
    look: 'line',
    values: steps(
      ticks,
      latency.map((parts) => percentileMs(parts, share) ?? null),
    ),
  });
  return (
    <Plot
      description="Median and 99th percentile of the time to answer"
      {...timeAxis(ticks, span)}
      format={duration}
      scaleY="log10"
      series={[line('p99', '--orange', 0.99), line('p50', '--blue', 0.5)]}
    />
  );
}

export function StagesPlot({ ticks, choice, span }: TimePlotProps) {
  const means = ticks.map((tick) => meanStages(versionsOf(tick, choice)));
  const layers = STAGES.map((label, stage) => ({
    label,
    colour: `--stage-${label}`,
    // A second without an answer has no mean.
    legend: steps(
      ticks,
      means.map((stages) => stages[stage] ?? null),
    ),
  }));
  return (
    <Plot
      description="Mean time of a request in each stage"
      {...timeAxis(ticks, span)}
      format={duration}
      series={stacked(layers)}
      height={220}
    />
  );
}

/** Stacks the layers. The highest is drawn first, so that the others cover it. */
function stacked(
  layers: readonly { label: string; colour: string; legend: readonly (number | null)[] }[],
): PlotSeries[] {
  let below: readonly (number | null)[] = [];
  const drawn = layers.map(({ label, colour, legend }): PlotSeries => {
    const values = legend.map((value, i) => (value === null ? null : value + (below[i] ?? 0)));
    below = values;
    return { label, colour, values, legend, look: 'area' };
  });
  return drawn.reverse();
}

const SPARK_WIDTH = 160;
const SPARK_HEIGHT = 22;

/** One model's requests per second, as a line without axes. */
export function Sparkline({ ticks, model }: { ticks: readonly LiveTick[]; model: string }) {
  const newest = ticks.at(-1)?.at_ms ?? 0;
  const rates = ticks.map((tick) => {
    const requests = versionsOf(tick, { model }).reduce((sum, version) => sum + version.requests, 0);
    return (1000 * requests) / tick.span_ms;
  });
  const most = Math.max(1, ...rates);
  const x = (ms: number): string => (SPARK_WIDTH * (1 - (newest - ms) / 1000 / SHOWN_SECONDS)).toFixed(1);
  const y = (rate: number): string => (SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * (rate / most)).toFixed(1);
  const counted = stretches(ticks);
  const line = counted.map(({ from, to, at }, i) => {
    if (at === undefined) return '';
    const isNew = counted[i - 1]?.at === undefined;
    return `${isNew ? 'M' : 'L'}${x(from)} ${y(rates[at]!)}H${x(to)}`;
  });
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`}
      width={SPARK_WIDTH}
      height={SPARK_HEIGHT}
      aria-hidden="true"
    >
      <path d={line.join('')} fill="none" stroke="var(--accent)" stroke-width="1.25" />
    </svg>
  );
}

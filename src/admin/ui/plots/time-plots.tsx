/** Charts of the last minutes: how requests ended, how long they took, in which stage. */

import { percentileMs } from '../../../telemetry/metrics/latency-buckets.ts';
import { STAGES } from '../../../telemetry/stage-clock.ts';
import type { LiveTick } from '../../live-report.ts';
import { count, duration } from '../format.ts';
import { SHOWN_SECONDS } from '../live.ts';
import { endings, type ModelChoice, meanStages, versionsOf } from '../live-window.ts';
import { Plot, type PlotSeries } from './plot.tsx';

interface TimePlotProps {
  readonly ticks: readonly LiveTick[];
  readonly choice?: ModelChoice | undefined;
}

/** Colours of the eight stages, in their order. */
export const STAGE_COLOURS: readonly string[] = STAGES.map((stage) => `--stage-${stage}`);

const clockTime = (seconds: number): string => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

/** What time plots have in common: x in seconds, the window that is shown. */
function timeAxis(ticks: readonly LiveTick[]) {
  const newest = (ticks.at(-1)?.at_ms ?? Date.now()) / 1000;
  return {
    x: ticks.map(({ at_ms }) => at_ms / 1000),
    formatX: clockTime,
    rangeX: [newest - SHOWN_SECONDS, newest] as const,
  };
}

export function EndingsPlot({ ticks, choice }: TimePlotProps) {
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
    told: each.map((tick) => tick[kind] / tick.seconds),
  }));
  return (
    <Plot
      description="Requests a second, by how they ended"
      {...timeAxis(ticks)}
      format={(value) => `${count(value)}/s`}
      series={stacked(layers)}
    />
  );
}

export function LatencyPlot({ ticks, choice }: TimePlotProps) {
  const latency = ticks.map((tick) => versionsOf(tick, choice).map((version) => version.latency));
  const line = (label: string, colour: string, share: number): PlotSeries => ({
    label,
    colour,
    look: 'line',
    values: latency.map((parts) => percentileMs(parts, share) ?? null),
  });
  return (
    <Plot
      description="Median and 99th percentile of the time to answer"
      {...timeAxis(ticks)}
      format={duration}
      scaleY="log10"
      series={[line('p99', '--orange', 0.99), line('p50', '--blue', 0.5)]}
    />
  );
}

export function StagesPlot({ ticks, choice }: TimePlotProps) {
  const means = ticks.map((tick) => meanStages(versionsOf(tick, choice)));
  const layers = STAGES.map((label, stage) => ({
    label,
    colour: STAGE_COLOURS[stage]!,
    told: means.map((stages) => stages[stage] ?? 0),
  }));
  return (
    <Plot
      description="Mean time of a request in each stage"
      {...timeAxis(ticks)}
      format={duration}
      series={stacked(layers)}
      height={220}
    />
  );
}

/** Each on top of those before it; the highest is drawn first, so that the others cover it. */
function stacked(layers: readonly { label: string; colour: string; told: readonly number[] }[]): PlotSeries[] {
  let below: readonly number[] = [];
  const drawn = layers.map(({ label, colour, told }): PlotSeries => {
    const values = told.map((value, i) => value + (below[i] ?? 0));
    below = values;
    return { label, colour, values, told, look: 'area' };
  });
  return drawn.reverse();
}

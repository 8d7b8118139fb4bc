/** The traffic of a span of time, in the form of the live numbers, so that the same plots and words show it. */
import type { HistoryReport, Restart } from '../../../flight-recorder/history/history-report.ts';
import type { LiveTick } from '../../live-report.ts';
import { getJson } from '../api.ts';
import { duration } from '../format.ts';
import { models } from '../live.ts';
import type { Span } from '../range.ts';

export interface Past {
  readonly ticks: readonly LiveTick[];
  readonly restarts: readonly Restart[];
}

/** @param steps most ticks */
export async function loadPast({ from, to }: Span, steps: number, signal: AbortSignal): Promise<Past> {
  const query = `since=${Math.round(from)}&until=${Math.round(to)}&steps=${steps}`;
  const { ticks, restarts } = await getJson<HistoryReport>(`/history?${query}`, signal);
  return { ticks: ticks.map(asLive), restarts };
}

const NO_QUEUE = { rows: 0, tasks: 0, running_batches: 0 };

/** Versions that answer have a queue, of which nothing is known any more. */
function asLive({ versions, ...tick }: HistoryReport['ticks'][number]): LiveTick {
  const served = new Set(
    models.value?.models.flatMap((model) =>
      model.versions.some(({ state }) => state === 'AVAILABLE') ? model.name : [],
    ),
  );
  const hasQueue = (model: string, version: string): boolean => version !== '' || served.has(model);
  return {
    ...{ ...tick, in_flight: 0, models_revision: 0 },
    versions: versions.map((each) => (hasQueue(each.model, each.version) ? { ...each, queue: NO_QUEUE } : each)),
  };
}

/** Says when the server started again, and why it had ended. */
export function restartWords({ started_at_ms, ended_at_ms, reason }: Restart): string {
  const why = reason === 'drained' ? 'it had been told to end' : 'it had been killed or had crashed';
  const gap = duration(Math.max(0, started_at_ms - ended_at_ms));
  return `The server started again at ${dateTime(started_at_ms)}: ${why}, and its last sign was ${gap} before.`;
}

export function dateTime(ms: number): string {
  return new Date(ms).toLocaleString([], { hour12: false });
}

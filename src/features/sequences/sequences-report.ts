/** The sequences of a model in GET /models, under `sequences`, and in `pillion status`. */
import type { ModelReport } from '../../admin/models-report.ts';
import type { SequenceTable } from './sequence-table.ts';

/** The sequences whose state is kept. */
export interface SequencesReport {
  readonly open: number;
  readonly state_bytes: number;
  /** Sequences by the version that they run on, which may be unloading. */
  readonly versions: Readonly<Record<string, number>>;
  /** How many were started and refused, and how the others ended. */
  readonly events: Readonly<Record<string, number>>;
}

/** Undefined if the model has had none. */
export function sequencesReport(table: SequenceTable | undefined): SequencesReport | undefined {
  if (table === undefined || table.counts.size === 0) return undefined;
  const versions = [...table.openByVersion()].map(([version, count]) => [version.toString(), count]);
  return {
    open: table.open,
    state_bytes: table.bytes,
    versions: Object.fromEntries(versions),
    events: Object.fromEntries(table.counts),
  };
}

/** Undefined if the model has had none. */
export function sequencesNote(model: ModelReport): string | undefined {
  const report = model['sequences'] as SequencesReport | undefined;
  if (report === undefined) return undefined;
  const { open, state_bytes, events } = report;
  const ends = Object.entries(events).map(([event, count]) => `${count} ${event.replace('_', ' ')}`);
  return `${open} sequences are open, whose states take ${state_bytes} bytes (${ends.join(', ')})`;
}

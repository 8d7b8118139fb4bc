/** What a model keeps beside its versions, for GET /models: the states of sequences. */
import type { SequenceTable } from '../models/sequences/sequence-table.ts';

/** The sequences whose state is kept. */
export interface SequencesReport {
  readonly open: number;
  readonly state_bytes: number;
  /** By the version that they run on, which may be unloading. */
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

/** The metrics of sequences, which are read at each scrape. */
import type { Gauges } from '../../ledger/metrics/gauges.ts';
import type { SequenceTable } from './sequence-table.ts';

/** `read` gives the tables by model, of those that have had sequences. Call once. */
export function observeSequences(gauges: Gauges, read: () => readonly (readonly [string, SequenceTable])[]): void {
  gauges.observeEach('pillion_sequences', 'Sequences whose state is kept, by the version that they run on.', () =>
    read().flatMap(([model, table]) =>
      [...table.openByVersion()].map(([version, value]) => ({ labels: { model, version: version.toString() }, value })),
    ),
  );
  gauges.observeEach('pillion_sequence_state_bytes', 'Memory of the states of a model’s sequences.', () =>
    read().map(([model, { bytes }]) => ({ labels: { model }, value: bytes })),
  );
  const help = 'Sequences that were started or refused, and those that are kept no more, by the reason.';
  gauges.observeCounts('pillion_sequence_events_total', help, () =>
    read().flatMap(([model, { counts }]) => [...counts].map(([event, value]) => ({ labels: { model, event }, value }))),
  );
}

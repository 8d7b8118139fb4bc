/** The sequences of a model on its page: which are open, and which were lost. */
import { showNumber } from '../../ledger/quantities.ts';
import { plain, type Report, type Sentence, warn } from '../../ledger/report.ts';
import type { SequenceLimits } from './sequence-limits.ts';
import type { SequenceEvent } from './sequence-table.ts';
import type { SequencesReport } from './sequences-report.ts';

/** The ends that a caller did not ask for, with words for people. */
const LOST: readonly (readonly [event: SequenceEvent, text: string])[] = [
  ['expired', 'had no step for too long'],
  ['evicted', 'gave room to others'],
  ['start_failed', 'failed in their first step'],
  ['version_gone', 'ended with their version'],
  ['model_gone', 'ended with their model'],
];

/** `report`: undefined = the model has had none. */
export function sequencesPage(report: SequencesReport | undefined, limits: SequenceLimits): Report {
  const { open = 0, state_bytes: bytes = 0, versions = {}, events = {} } = report ?? {};
  const { most, mostBytes, idleMs } = limits;
  return {
    covers: 'since the model is served',
    sentences: [
      report === undefined
        ? plain('No sequence has begun yet.')
        : plain(
            `${open} of at most ${most} sequences are open; their states take ${bytesText(bytes)} of at most ${bytesText(mostBytes)}.`,
          ),
      ...problems(events),
      plain(`A sequence without a step for ${idleMs / 1000} s is lost.`),
    ],
    tables: [
      {
        title: 'Open sequences',
        columns: [
          { key: 'version', title: 'Version', unit: 'text' },
          { key: 'open', title: 'Open', unit: 'count' },
        ],
        rows: Object.entries(versions).map(([version, count]) => ({ version, open: count })),
        empty: 'None is open.',
      },
      {
        title: 'All sequences',
        columns: [
          { key: 'event', title: 'Sequences that', unit: 'text' },
          { key: 'count', title: 'Number', unit: 'count' },
        ],
        rows: Object.entries(events).map(([event, count]) => ({ event: event.replace('_', ' '), count })),
        empty: 'Nothing has happened.',
      },
    ],
  };
}

/** Less than a KiB in bytes, less than a MiB in KiB. */
function bytesText(value: number): string {
  if (value < 2 ** 10) return `${value} bytes`;
  return value < 2 ** 20 ? `${showNumber(value / 2 ** 10)} KiB` : `${showNumber(value / 2 ** 20)} MiB`;
}

function problems(events: SequencesReport['events']): readonly Sentence[] {
  const lost = LOST.filter(([event]) => (events[event] ?? 0) > 0);
  const total = lost.reduce((sum, [event]) => sum + events[event]!, 0);
  const refused = events['refused'] ?? 0;
  return [
    ...(total > 0
      ? [warn(`${total} were lost: ${lost.map(([event, text]) => `${events[event]} ${text}`).join(', ')}.`)]
      : []),
    ...(refused > 0 ? [warn(`${refused} were refused, because there was no room for more.`)] : []),
  ];
}

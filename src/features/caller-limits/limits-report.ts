/** The limits of one caller, as a part of the page of callers. */
import { plain, type Report, type ReportSource } from '../../ledger/report.ts';
import type { CallerLimitOptions } from './caller-quotas.ts';

const KINDS = [
  ['requests', 'Requests'],
  ['rows', 'Rows'],
  ['bytes', 'Bytes of bodies'],
] as const;

export function limitsSource(limits: CallerLimitOptions): ReportSource {
  const report: Report = {
    covers: 'They hold until the server ends.',
    sentences: [
      plain('Each caller has limits, whether there are others or not: what is beyond them is refused with 429.'),
    ],
    tables: [
      {
        title: 'Limits of one caller',
        columns: [
          { key: 'kind', title: 'Limit of', unit: 'text' },
          { key: 'in_flight', title: 'In flight', unit: 'text' },
          { key: 'per_s', title: 'A second', unit: 'text' },
        ],
        rows: KINDS.map(([kind, title]) => ({
          kind: title,
          in_flight: shown(limits[kind].inFlight),
          per_s: shown(limits[kind].perSecond),
        })),
        empty: '',
      },
    ],
  };
  return { name: 'callers', title: 'Callers', read: () => report };
}

function shown(limit: number): string {
  return limit === Infinity ? 'no limit' : limit.toLocaleString('en');
}

/** Pure. The records of requests and of traffic. */
import { Buffer } from 'node:buffer';
import type { RequestEntry } from '../../../admin/request-entry.ts';
import { parseWall } from '../../../core/clock.ts';
import type { ErrorKind } from '../../../core/errors.ts';
import type { HistoryTick, HistoryVersion } from '../history/history-report.ts';
import type { WrittenRequest, WrittenTraffic } from './file-query.ts';
import type { NewRecord } from './ring-file.ts';
import { MOST_TEXT_BYTES } from './ring-format.ts';

const MOST_MATES = 16;

/** Errors whose message a runtime wrote, which may quote values of its inputs. */
const RUNTIME_KINDS: ReadonlySet<string> = new Set<ErrorKind>([
  'backend_failed',
  'backend_unavailable',
  'worker_lost',
  'worker_crashed',
  'internal',
]);

/** One request. Lists that would make its record too long are left out. */
export function requestRecord(found: RequestEntry, run: number): NewRecord {
  const entry = withoutValues(found);
  const { batch } = entry;
  const short =
    batch === undefined ? entry : { ...entry, batch: { ...batch, mates: batch.mates.slice(0, MOST_MATES) } };
  const whole = textOf({ run, entry: short });
  const { events: _, steps: __, batch: ___, ...rest } = entry;
  const text = Buffer.byteLength(whole) <= MOST_TEXT_BYTES ? whole : textOf({ run, entry: rest });
  return { kind: 'request', wallMs: parseWall(entry.received_at), text };
}

/** Numbers and texts in quotes are left out of a runtime's message. */
function withoutValues(entry: RequestEntry): RequestEntry {
  const { error } = entry;
  if (error === undefined || !RUNTIME_KINDS.has(error.kind)) return entry;
  const message = error.message.replaceAll(/"[^"]*"|'[^']*'/g, '"…"').replaceAll(/\d+(\.\d+)?/g, '#');
  return { ...entry, error: { kind: error.kind, message } };
}

/** Each stretch, in as many records as its versions need. */
export function trafficRecords(ticks: readonly HistoryTick[], run: number): NewRecord[] {
  return ticks.flatMap((tick) =>
    parted(tick.versions).map((versions): NewRecord => {
      const traffic: WrittenTraffic = { run, ...tick, versions };
      return { kind: 'traffic', wallMs: tick.at_ms, text: JSON.stringify(traffic) };
    }),
  );
}

/** Versions whose texts together leave room for the rest of a record. */
function parted(versions: readonly HistoryVersion[]): readonly (readonly HistoryVersion[])[] {
  const parts: HistoryVersion[][] = [[]];
  let bytes = 0;
  for (const version of versions) {
    const size = Buffer.byteLength(JSON.stringify(version));
    if (bytes + size > MOST_TEXT_BYTES / 2) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(version);
    bytes += size;
  }
  return parts;
}

function textOf(written: WrittenRequest): string {
  return JSON.stringify(written);
}

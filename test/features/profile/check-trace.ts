/** What Chrome's trace event format and Perfetto want of a file, as assertions. */
import assert from 'node:assert/strict';
import type { TraceEvent } from '../../../src/features/profile/trace-file.ts';

export interface TraceJson {
  readonly traceEvents: readonly TraceEvent[];
  readonly otherData: object;
}

/** Viewers count in whole nanoseconds. */
const NANO = 0.001;

/** Every event has what its phase wants; on each track events are sorted and lie beside or inside each other. */
export function checkTrace({ traceEvents }: TraceJson): void {
  const named = new Set<string>();
  const tracks = new Map<string, TraceEvent[]>();
  for (const event of traceEvents) {
    const text = JSON.stringify(event);
    for (const key of ['pid', 'tid', 'ts'] as const) assert.ok(Number.isFinite(event[key]) && event[key] >= 0, text);
    assert.ok(event.name.length > 0, text);
    if (event.ph === 'M') {
      named.add(event.name === 'process_name' ? `${event.pid}` : `${event.pid}/${event.tid}`);
      continue;
    }
    assert.equal(event.ph, 'X', text);
    assert.ok(Number.isFinite(event.dur) && event.dur! >= 0, text);
    const track = `${event.pid}/${event.tid}`;
    assert.ok(named.has(track) && named.has(`${event.pid}`), `${track} has no name`);
    tracks.set(track, [...(tracks.get(track) ?? []), event]);
  }
  for (const [track, events] of tracks) checkNesting(track, events);
}

function checkNesting(track: string, events: readonly TraceEvent[]): void {
  const open: number[] = [];
  let lastTs = 0;
  for (const { ts, dur, name } of events) {
    assert.ok(ts >= lastTs, `${track}: ${name} is not in order`);
    lastTs = ts;
    while (open.length > 0 && open[open.length - 1]! <= ts + NANO / 2) open.pop();
    const end = ts + dur!;
    const parentEnd = open[open.length - 1] ?? Infinity;
    assert.ok(end <= parentEnd + NANO, `${track}: ${name} ends ${end - parentEnd} µs after what it is inside of`);
    open.push(end);
  }
}

/** The events of the process whose name matches. */
export function eventsOf({ traceEvents }: TraceJson, process: RegExp): readonly TraceEvent[] {
  const pids = traceEvents
    .filter(({ name, args }) => name === 'process_name' && process.test(String(args?.['name'])))
    .map(({ pid }) => pid);
  return traceEvents.filter(({ ph, pid }) => ph === 'X' && pids.includes(pid));
}

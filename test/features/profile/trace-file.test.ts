import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { placeOnTracks, TraceFile } from '../../../src/features/profile/trace-file.ts';
import { checkTrace, eventsOf, type TraceJson } from './check-trace.ts';

function written(file: TraceFile, otherData: object = {}): TraceJson {
  return JSON.parse([...file.text(otherData)].join('')) as TraceJson;
}

describe('a trace file', () => {
  it('has named processes and tracks, and spans in microseconds from its origin, parents first', () => {
    const file = new TraceFile(1000);
    const pid = file.addProcess('requests');
    const track = file.addTrack(pid, 'in flight 1');
    file.addSpan(track, 'stage', { name: 'child', startMs: 1001, endMs: 1002 });
    file.addSpan(track, 'stage', { name: 'parent', startMs: 1001, endMs: 1003.5, args: { rows: 2 } });
    const json = written(file, { answer: 42 });
    checkTrace(json);
    assert.deepEqual(
      eventsOf(json, /^requests$/).map(({ name, ts, dur, args }) => [name, ts, dur, args]),
      [
        ['parent', 1000, 2500, { rows: 2 }],
        ['child', 1000, 1000, undefined],
      ],
    );
    assert.deepEqual(json.otherData, { answer: 42 });
  });

  it('is whole where there is nothing, and where there is more than one piece', () => {
    checkTrace(written(new TraceFile(0)));
    const file = new TraceFile(0);
    const track = file.addTrack(file.addProcess('p'), 't');
    for (let i = 1200; i > 0; i--) file.addSpan(track, 'c', { name: `${i}`, startMs: i, endMs: i + 1 });
    const json = written(file);
    checkTrace(json);
    assert.equal(json.traceEvents.length, 1200 + 4);
  });

  it('keeps children inside their parents and neighbours apart, whatever the instants', () => {
    const instant = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(instant, instant, instant)), (triples) => {
        const intervals = triples.map((triple) => {
          const [startMs, middleMs, endMs] = [...triple].sort((a, b) => a - b) as [number, number, number];
          return { startMs, middleMs, endMs };
        });
        const file = new TraceFile(0);
        const pid = file.addProcess('p');
        placeOnTracks(intervals).forEach((track, i) => {
          const place = file.addTrack(pid, `${i}`);
          for (const { startMs, middleMs, endMs } of track) {
            file.addSpan(place, 'c', { name: 'whole', startMs, endMs });
            file.addSpan(place, 'c', { name: 'first', startMs, endMs: middleMs });
            file.addSpan(place, 'c', { name: 'second', startMs: middleMs, endMs });
          }
        });
        checkTrace(written(file));
      }),
    );
  });
});

describe('tracks', () => {
  it('are as many as there are things at once', () => {
    const of = (startMs: number, endMs: number) => ({ startMs, endMs });
    assert.deepEqual(placeOnTracks([of(2, 4), of(0, 2), of(1, 3), of(3, 5)]), [
      [of(0, 2), of(2, 4)],
      [of(1, 3), of(3, 5)],
    ]);
    assert.deepEqual(placeOnTracks([]), []);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bucketOf } from '../../../src/features/console/latency-buckets.ts';
import type { LiveTick, LiveVersion } from '../../../src/features/console/live-report.ts';
import { goodput, lastTicks, stretches, summarize } from '../../../src/features/console/ui/live-window.ts';
import { explain } from '../../../src/features/console/ui/words.ts';

function version(changes: Partial<LiveVersion> = {}): LiveVersion {
  return {
    model: 'm',
    version: '1',
    requests: 0,
    in_time: 0,
    rows: 0,
    failures: {},
    latency: [],
    stages_ms: [],
    ...changes,
  };
}

function tick(second: number, ...versions: LiveVersion[]): LiveTick {
  return { at_ms: second * 1000, span_ms: 1000, in_flight: 3, cpu_cores: 0.5, models_revision: 1, versions };
}

const answered = (times: number, ms: number, executeMs: number): Partial<LiveVersion> => ({
  requests: times,
  in_time: times,
  rows: times,
  latency: [[bucketOf(ms), times]],
  stages_ms: [0, 0, 0, 1, 0, executeMs, 0, 0],
});

describe('the summary of a window', () => {
  it('adds up ticks, of all models or of one', () => {
    const ticks = [
      tick(1, version(answered(10, 5, 3))),
      tick(2, version(answered(30, 5, 7)), version({ model: 'n', ...answered(40, 20, 9) })),
    ];
    const all = summarize(ticks);
    assert.deepEqual([all.requests, all.seconds, all.inTime, all.inFlight], [80, 2, 80, 3]);
    const m = summarize(ticks, { model: 'm' });
    assert.equal(m.requests, 40);
    assert.equal(m.stagesMs[5], 6, 'a mean over requests, not over seconds');
    assert.ok(Math.abs(m.p99Ms! / 5 - 1) < 0.1);
    assert.deepEqual(lastTicks(ticks, 1), [ticks[1]]);
    assert.equal(goodput(summarize([])), undefined);
  });

  it('tells how requests ended; what is the caller’s mistake is no loss of goodput', () => {
    const failures = { deadline_exceeded: 1, overloaded: 2, invalid_request: 4, backend_failed: 3, a_new_kind: 1 };
    const found = summarize([tick(1, version({ requests: 20, in_time: 8, failures }))]);
    assert.deepEqual(
      [found.inTime, found.late, found.refused, found.wrong, found.failed],
      [8, 2, 2, 4, 4],
      'one was answered too late',
    );
    assert.equal(goodput(found), 0.5);
  });
});

describe('the times that ticks cover', () => {
  it('follow each other, with gaps where nobody counted', () => {
    const late = { ...tick(3), at_ms: 3040, span_ms: 1010 };
    assert.deepEqual(stretches([tick(1), tick(2), late, tick(60)]), [
      { from: 0, to: 1000, at: 0 },
      { from: 1000, to: 2000, at: 1 },
      { from: 2000, to: 3040, at: 2 },
      { from: 3040, to: 59_000 },
      { from: 59_000, to: 60_000, at: 3 },
    ]);
    const stalled = { ...tick(9), span_ms: 7000 };
    assert.deepEqual(stretches([tick(2), stalled]).at(-1), { from: 2000, to: 9000, at: 1 });
    assert.deepEqual(stretches([]), []);
  });

  it('make the seconds of rates and of cores', () => {
    const stalled = { ...tick(12, version(answered(60, 5, 3))), span_ms: 9000, cpu_cores: 1.5 };
    const found = summarize([tick(3, version(answered(40, 5, 3))), stalled]);
    assert.deepEqual([found.requests, found.seconds, found.cpuCores], [100, 10, 1.4]);
  });
});

describe('a window in words', () => {
  const batches = {
    ...{ count: 10, rows: 64, padding: 0, sizes: [0, 0, 0, 10], reasons: { full: 9, slot_free: 1 } },
    ...{ mean_run_ms: 2, forecast: 10, as_forecast: 9, points: [] },
  };
  const textOf = (versions: LiveVersion[], sloMs?: number): string =>
    explain(summarize([tick(1, ...versions)]), sloMs)
      .map(({ text, tone }) => `${tone}: ${text}`)
      .join('\n');

  it('says that there was no request', () => {
    assert.match(textOf([]), /^plain: No request in this window/);
  });

  it('says what takes the time, and whether the objective is met', () => {
    const versions = [version({ ...answered(100, 5, 8), batches })];
    const text = textOf(versions, 50);
    assert.match(text, /100 requests per second; 100\u2009% of the valid ones were answered in time/);
    assert.match(text, /goes into running the model\. The objective of 50\u2009ms is met/);
    assert.match(text, /A batch holds 6\.4 rows on average\. 90\u2009% started because they were full/);
    assert.match(textOf(versions, 1), /warn: .*slowest miss the objective of 1\u2009ms/);
  });

  it('warns of overload, lateness and failure, and not of callers’ mistakes', () => {
    const failures = { overloaded: 5, deadline_exceeded: 5, backend_failed: 5, invalid_request: 5 };
    const text = textOf([version({ requests: 100, in_time: 80, failures })]);
    assert.match(text, /warn: 5 per second were refused at once/);
    assert.match(text, /warn: 5 per second missed their deadline/);
    assert.match(text, /warn: 5 per second failed:/);
    assert.match(text, /plain: 5 per second were the callers’ mistakes/);
  });

  it('says which bound holds now for each version, and how far its forecasts were off', () => {
    const cores = { bound: 'cores', sentence: 'cores: both cores are busy' } as const;
    const nothing = { bound: 'nothing', sentence: 'nothing: there is room' } as const;
    const forecast = { admitted: 2, late_share: 0.5, forecasts: 0 };
    const one = [version({ ...answered(10, 5, 3), bound: cores, forecast })];
    assert.match(textOf(one), /^warn: The bound now is cores: both cores are busy\.$/m);
    assert.match(textOf(one), /^plain: Forecasts: 50 % of 2 admitted requests with a deadline were late\.$/m);
    const two = textOf([...one, version({ version: '2', bound: nothing })]);
    assert.match(two, /^warn: The bound of m version 1 now is cores: /m);
    assert.match(two, /^plain: The bound of m version 2 now is nothing: there is room\.$/m);
    const stale = explain(summarize([tick(1, ...one), tick(2, version(answered(10, 5, 3)))]));
    assert.ok(!stale.some(({ text }) => text.includes('bound')), 'what an older tick had is not now');
    assert.match(textOf([version({ bound: nothing })]), /^plain: No request in this window.*\nplain: The bound now is/);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LiveVersion } from '../../../src/features/console/live-report.ts';
import { goodput, lastTicks, stretches, summarize } from '../../../src/features/console/ui/live-window.ts';
import { answered, tick, version } from './live-ticks.ts';

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

  it('tells what refused requests found', () => {
    const failures = { overloaded: 10, draining: 1, model_not_ready: 2 };
    const refusals = { predicted_late: 1, caller_budget: 2, caller_limit: 1, memory: 3, queue_memory: 1 };
    const { refused, refusals: found } = summarize([tick(1, version({ requests: 13, failures, refusals }))]);
    assert.equal(refused, 13);
    assert.deepEqual(found, { callers: 3, memory: 4, draining: 1, notReady: 2, overload: 3 });
  });

  it('knows a model of which nothing is loaded from a version that never was', () => {
    const missing = version({ version: '', requests: 5, failures: { model_not_found: 5 } });
    const loaded = version({ queue: { rows: 0, tasks: 0, running_batches: 0 } });
    const ends = (...versions: LiveVersion[]): readonly number[] => {
      const { wrong, failed } = summarize([tick(1, ...versions)]);
      return [wrong, failed];
    };
    assert.deepEqual(ends(missing), [0, 5]);
    assert.deepEqual(ends(missing, loaded), [5, 0]);
    assert.deepEqual(ends({ ...missing, model: '' }), [5, 0], 'nobody knows the name');
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

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { LiveStats } from '../../../src/features/console/live-stats.ts';
import { boundOf, bucketOf, percentileMs } from '../../../src/ledger/latency-buckets.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { createTelemetry } from '../../../src/ledger/telemetry.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';

describe('latency buckets', () => {
  it('put a duration under a bound that is at most a tenth above it', () => {
    for (const ms of [0.011, 0.5, 1, 17.3, 999, 12_345]) {
      const bound = boundOf(bucketOf(ms));
      assert.ok(bound >= ms * (1 - 1e-9) && bound < ms * 1.1, `${ms} in a bucket up to ${bound}`);
    }
  });

  it('take what is out of range, and what is no duration', () => {
    assert.deepEqual([bucketOf(0), bucketOf(-1), bucketOf(Number.NaN)], [0, 0, 0]);
    assert.equal(bucketOf(1e12), bucketOf(1e13));
  });

  it('tell percentiles of parts together within 5 %, and nothing of nothing', () => {
    const durations = Array.from({ length: 1000 }, (_, i) => 1 + i / 100);
    const halves = [durations.slice(0, 500), durations.slice(500)].map((half) =>
      half.map((ms) => [bucketOf(ms), 1] as const),
    );
    const within = (found: number | undefined, wanted: number): void =>
      assert.ok(Math.abs(found! / wanted - 1) < 0.05, `${found} for ${wanted}`);
    within(percentileMs(halves, 0.5), 6);
    within(percentileMs(halves, 0.99), 10.9);
    assert.equal(percentileMs([[], []], 0.5), undefined);
  });
});

describe('live stats', () => {
  it('count nothing while no console is open', () => {
    const clock = new FakeClock();
    const logger = createLogger({ level: 'fatal', clock });
    const telemetry = createTelemetry({ clock, logger });
    const live = new LiveStats();
    const close = telemetry.follow(live);
    close();
    telemetry.recordRequest(requestRecord());
    telemetry.recordBatch(batchRecord());
    assert.deepEqual(live.take(), []);
    telemetry.follow(live);
    telemetry.recordRequest(requestRecord());
    telemetry.recordRequest(requestRecord({ method: 'GetModelStatus' }));
    telemetry.recordBatch(batchRecord());
    telemetry.settle();
    assert.deepEqual(
      live.take().map(({ requests, batches }) => [requests, batches.count]),
      [[1, 1]],
    );
  });

  it('count a window by version, and begin anew', () => {
    const live = new LiveStats();
    live.recordRequest(requestRecord());
    live.recordRequest(requestRecord({ deadline: 120 }));
    live.recordRequest(requestRecord({ error: new ServingError('overloaded', 'full'), outcome: 'overloaded' }));
    live.recordRequest(requestRecord({ version: '4' }));
    const [third, fourth, ...others] = live.take();
    assert.deepEqual(others, []);
    assert.deepEqual(
      [third!.version, third!.requests, third!.inTime, third!.rows, third!.failures],
      ['3', 3, 1, 6, { overloaded: 1 }],
    );
    assert.deepEqual(third!.stagesMs, [2, 4, 6, 8, 10, 12, 14, 16], 'two answers');
    assert.deepEqual([fourth!.version, fourth!.requests], ['4', 1]);
    assert.deepEqual(live.take(), []);
  });

  it('count batches by size and reason, and how many ran as forecast', () => {
    const live = new LiveStats();
    live.recordBatch(batchRecord({ expectedMs: 5 }));
    live.recordBatch(batchRecord({ expectedMs: 3, size: 5, reason: 'full' }));
    live.recordBatch(batchRecord({ size: 1, rows: 1 }));
    live.recordBatch(batchRecord({ outcome: 'backend_failed' }));
    const [{ batches }] = live.take() as [ReturnType<LiveStats['take']>[0]];
    assert.deepEqual([batches.count, batches.rows, batches.padding, batches.runMs], [3, 11, 3, 18]);
    assert.deepEqual(batches.sizes.slice(0, 4), [1, 0, 0, 2], 'one row; 5 to 8 rows');
    assert.deepEqual(batches.reasons, { slot_free: 2, full: 1 });
    assert.deepEqual([batches.forecast, batches.asForecast], [2, 1]);
    assert.deepEqual(batches.points, [
      [8, 6],
      [5, 6],
      [1, 6],
    ]);
  });
});

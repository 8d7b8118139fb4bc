import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArrivalRing } from '../../../src/features/flight-recorder/arrival-ring.ts';
import { ArrivalsEndpoint } from '../../../src/features/flight-recorder/arrivals-endpoint.ts';
import { StageClock } from '../../../src/ledger/stage-clock.ts';
import { bodyOf, startAdmin } from '../../support/admin-harness.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { requestRecord } from '../../support/telemetry-records.ts';

describe('GET /arrivals', () => {
  it('writes many in slices, each column whole', async (t) => {
    const clock = new FakeClock();
    const ring = new ArrivalRing();
    const count = 10_001;
    for (let i = 0; i < count; i++) {
      const stages = new StageClock(clock.nowMs());
      clock.advance(0.25);
      stages.finish(clock.nowMs());
      const deadline = i % 2 === 0 ? Infinity : stages.startedAt + 12.5;
      ring.recordRequest(requestRecord({ stages, rows: i, deadline }));
    }
    const ask = await startAdmin(t, new ArrivalsEndpoint({ ring, clock }).paths());
    const all = JSON.parse((await bodyOf(await ask('/arrivals'))).toString()) as Record<string, readonly unknown[]>;
    for (const name of ['at_ms', 'model', 'rows', 'deadline_ms', 'outcome', 'took_ms']) {
      assert.equal(all[name]!.length, count, name);
    }
    assert.deepEqual(all['rows']!.slice(4094, 4099), [4094, 4095, 4096, 4097, 4098]);
    assert.deepEqual(all['deadline_ms']!.slice(0, 4), [null, 12.5, null, 12.5]);
    assert.deepEqual(all['models'], [{ model: 'digits', version: '3', signature: 'serving_default' }]);
    assert.equal(all['now'], new Date(clock.wallMs()).toISOString());
    const last = JSON.parse((await bodyOf(await ask('/arrivals?seconds=0.001'))).toString()) as typeof all;
    assert.deepEqual(
      [last['span_ms'], last['at_ms'], last['took_ms']],
      [1, [0, 0.25, 0.5, 0.75], [0.25, 0.25, 0.25, 0.25]],
    );
  });
});

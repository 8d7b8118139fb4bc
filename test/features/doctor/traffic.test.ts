import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMetrics } from '../../../src/cli/prometheus-text.ts';
import { trafficBetween } from '../../../src/features/doctor/traffic.ts';

const page = (n: number): string => `# HELP pillion_batch_size Rows
# TYPE pillion_batch_size histogram
pillion_batch_size_bucket{le="1",model="m",version="1"} ${n}
pillion_batch_size_sum{model="m",version="1"} ${3 * n}
pillion_batch_size_count{model="m",version="1"} ${n}
pillion_request_duration_seconds_sum{surface="grpc",method="Predict",model="m",version="1",outcome="ok"} ${n / 2}
pillion_request_duration_seconds_count{surface="grpc",method="Predict",model="m",version="1",outcome="ok"} ${2 * n}
pillion_request_duration_seconds_count{surface="rest",method="Predict",model="m",version="1",outcome="ok"} ${n}
pillion_request_duration_seconds_count{surface="rest",method="Predict",model="",version="",outcome="model_not_found"} ${n / 10}
pillion_request_duration_seconds_count{surface="rest",method="GetModelStatus",model="m",version="",outcome="ok"} ${n}
pillion_request_duration_seconds_count{surface="rest",method="GetModelMetadata",model="m",version="1",outcome="ok"} ${n}
pillion_stage_duration_seconds_sum{stage="queue",model="m",version="1"} ${n / 4}
pillion_batches_total{model="m",version="1",reason="slot_free",outcome="ok"} ${n}
pillion_scheduler_refusals_total{model="m",version="1",reason="queue_full"} ${n}
process_cpu_seconds_total ${n / 10}
process_start_time_seconds 1000
nodejs_gc_duration_seconds_sum{kind="minor"} ${n / 100}
nodejs_eventloop_lag_p99_seconds 0.02
`;

const look = (n: number, at: number, startedAt = 1000) => ({
  samples: parseMetrics(page(n).replace('seconds 1000', `seconds ${startedAt}`)),
  at,
});

describe('traffic between two looks', () => {
  it('is what grew, by model version, whatever further labels there are', () => {
    const traffic = trafficBetween(look(100, 2000), look(300, 2010));
    assert.equal(traffic.isSinceStart, false);
    assert.equal(traffic.seconds, 10);
    assert.equal(traffic.cpuSeconds, 20);
    assert.equal(traffic.gcSeconds, 2);
    assert.equal(traffic.models.length, 1);
    const [m] = traffic.models;
    assert.deepEqual([m!.model, m!.version, m!.requests, m!.requestSeconds], ['m', '1', 600, 100]);
    assert.deepEqual([m!.batches, m!.rows, m!.paddingRows], [200, 600, 0]);
    assert.deepEqual([m!.outcomes, m!.reasons, m!.refusals], [{ ok: 600 }, { slot_free: 200 }, { queue_full: 200 }]);
    assert.deepEqual([m!.stageSeconds.queue, m!.stageSeconds.execute], [50, 0]);
  });

  it('is all since the start where nothing ran between them, or there was one look', () => {
    for (const before of [undefined, look(300, 2000)]) {
      const traffic = trafficBetween(before, look(300, 2010));
      assert.deepEqual([traffic.isSinceStart, traffic.seconds, traffic.models[0]!.batches], [true, 1010, 300]);
    }
  });

  it('has inferences alone, and those that found no model', () => {
    const traffic = trafficBetween(look(100, 2000), look(300, 2010));
    assert.deepEqual(
      traffic.models.map(({ model, version, requests }) => [model, version, requests]),
      [['m', '1', 600]],
    );
    assert.equal(traffic.unservedRequests, 20);
  });

  it('of a server that was started again, or a version that was loaded again, is never negative', () => {
    const again = trafficBetween(look(300, 2000), look(100, 2010, 2005));
    assert.deepEqual([again.isSinceStart, again.seconds, again.models[0]!.requests], [true, 5, 300]);
    const reloaded = trafficBetween(look(300, 2000), look(100, 2010));
    assert.deepEqual([reloaded.models[0]!.requests, reloaded.models[0]!.rows], [300, 300]);
  });

  it('reads escaped label values and passes over what is no sample', () => {
    const samples = parseMetrics('a{x="q\\"\\\\\\n,}",y="2"} 1e3 1700000000\n\nnonsense\n# EOF\nb 7');
    assert.deepEqual(samples.get('a'), [{ labels: { x: 'q"\\\n,}', y: '2' }, value: 1000 }]);
    assert.deepEqual(samples.get('b'), [{ labels: {}, value: 7 }]);
  });
});

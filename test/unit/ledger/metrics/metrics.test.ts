import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { DURATION_BUCKETS } from '../../../../src/ledger/metrics/buckets.ts';
import type { Metrics } from '../../../../src/ledger/metrics/metrics.ts';
import { counterFamily } from '../../../../src/ledger/metrics/series.ts';
import { STAGE_ENCODE, STAGES, StageClock } from '../../../../src/ledger/stage-clock.ts';
import { TestMetrics } from '../../../support/columns.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { textOf } from '../../../support/metrics-text.ts';
import { batchRecord, requestRecord } from '../../../support/telemetry-records.ts';

function metrics() {
  const clock = new FakeClock();
  return { clock, metrics: new TestMetrics({ clock }) };
}

/** Value of the one line that starts with this name and label set. */
async function sampleOf(all: Metrics, line: string): Promise<number | undefined> {
  const found = (await textOf(all)).split('\n').filter((each) => each.startsWith(`${line} `));
  assert.ok(found.length <= 1, `${line} is printed ${found.length} times`);
  return found[0] === undefined ? undefined : Number(found[0].slice(line.length + 1));
}

const REQUEST = 'surface="grpc",method="Predict",model="digits",version="3",signature="serving_default",outcome="ok"';

describe('requests', () => {
  it('are counted by surface, method, model, version and outcome, in seconds', async () => {
    const { metrics: all } = metrics();
    all.recordRequest(requestRecord());
    all.recordRequest(requestRecord());
    assert.equal(await sampleOf(all, `pillion_request_duration_seconds_count{${REQUEST}}`), 2);
    assert.equal(await sampleOf(all, `pillion_request_duration_seconds_sum{${REQUEST}}`), 0.072);
    assert.equal(await sampleOf(all, `pillion_request_duration_seconds_bucket{le="0.02",${REQUEST}}`), 0);
    assert.equal(await sampleOf(all, `pillion_request_duration_seconds_bucket{le="0.05",${REQUEST}}`), 2);
    assert.equal(await sampleOf(all, `pillion_request_duration_seconds_bucket{le="30",${REQUEST}}`), 2);
  });

  it('have each of the eight stages counted', async () => {
    const { metrics: all } = metrics();
    all.recordRequest(requestRecord());
    for (const [index, stage] of STAGES.entries()) {
      const labels = `stage="${stage}",model="digits",version="3",signature="serving_default"`;
      assert.equal(await sampleOf(all, `pillion_stage_duration_seconds_count{${labels}}`), 1, stage);
      assert.equal(await sampleOf(all, `pillion_stage_duration_seconds_sum{${labels}}`), (index + 1) / 1000, stage);
    }
  });

  it('do not count stages that they skipped', async () => {
    const { metrics: all } = metrics();
    const stages = new StageClock(1);
    stages.enter(STAGE_ENCODE, 2);
    stages.finish(3);
    all.recordRequest(requestRecord({ stages, method: 'GetModelStatus' }));
    const count = (stage: string) =>
      sampleOf(
        all,
        `pillion_stage_duration_seconds_count{stage="${stage}",model="digits",version="3",signature="serving_default"}`,
      );
    assert.equal(await count('receive'), 1);
    assert.equal(await count('execute'), 0);
    assert.equal(await count('encode'), 1);
  });

  it('that failed are counted as refusals, by kind and surface', async () => {
    const { metrics: all } = metrics();
    for (let i = 0; i < 3; i++) all.recordRequest(requestRecord({ outcome: 'overloaded' }));
    all.recordRequest(requestRecord({ outcome: 'overloaded', surface: 'rest' }));
    all.recordRequest(requestRecord());
    assert.equal(await sampleOf(all, 'pillion_refusals_total{kind="overloaded",surface="grpc"}'), 3);
    assert.equal(await sampleOf(all, 'pillion_refusals_total{kind="overloaded",surface="rest"}'), 1);
    assert.ok(!(await textOf(all)).includes('kind="ok"'));
  });

  it('that the scheduler refused are counted by reason, and others not', async () => {
    const { metrics: all } = metrics();
    const attributes = { stage: 'admit', reason: 'predicted_late' };
    const error = new ServingError('overloaded', 'too late', { attributes });
    for (let i = 0; i < 2; i++) all.recordRequest(requestRecord({ outcome: 'overloaded', error }));
    all.recordRequest(requestRecord({ outcome: 'internal', error: new ServingError('internal', 'bug') }));
    const series =
      'pillion_scheduler_refusals_total{model="digits",version="3",signature="serving_default",reason="predicted_late"}';
    assert.equal(await sampleOf(all, series), 2);
    assert.equal((await textOf(all)).split('pillion_scheduler_refusals_total{').length, 2);
  });

  it('for models that were not found share one series, whatever they asked for', async () => {
    const { metrics: all } = metrics();
    const unknown = { model: '', version: '', signatureName: '', outcome: 'model_not_found' } as const;
    all.recordRequest(requestRecord(unknown));
    const lines = (await textOf(all)).split('\n').length;
    for (let i = 0; i < 100; i++)
      all.recordRequest(requestRecord({ ...unknown, id: `id-${i}`, peer: `10.0.0.${i}:1` }));
    assert.equal((await textOf(all)).split('\n').length, lines);
  });

  it('fall into buckets from 50 µs to 30 s, none more than 3 times the last', () => {
    assert.equal(DURATION_BUCKETS[0], 50e-6);
    assert.equal(DURATION_BUCKETS.at(-1), 30);
    for (let i = 1; i < DURATION_BUCKETS.length; i++) {
      const ratio = DURATION_BUCKETS[i]! / DURATION_BUCKETS[i - 1]!;
      assert.ok(ratio > 1.9 && ratio <= 3.01, `${DURATION_BUCKETS[i]}`);
    }
  });
});

describe('batches', () => {
  it('are counted with their rows, padding, reason and outcome', async () => {
    const { metrics: all } = metrics();
    all.recordBatch(batchRecord());
    all.recordBatch(batchRecord({ rows: 8 }));
    all.recordBatch(batchRecord({ reason: 'full', outcome: 'backend_failed' }));
    const labels = 'model="digits",version="3",signature="serving_default"';
    assert.equal(await sampleOf(all, `pillion_batch_size_bucket{le="4",${labels}}`), 0);
    assert.equal(await sampleOf(all, `pillion_batch_size_bucket{le="8",${labels}}`), 3);
    assert.equal(await sampleOf(all, `pillion_batch_size_sum{${labels}}`), 18);
    assert.equal(await sampleOf(all, `pillion_batch_padding_rows_total{${labels}}`), 6);
    assert.equal(await sampleOf(all, `pillion_batches_total{${labels},reason="slot_free",outcome="ok"}`), 2);
    assert.equal(await sampleOf(all, `pillion_batches_total{${labels},reason="full",outcome="backend_failed"}`), 1);
  });

  it('of rows that differ in length are counted with their elements and the padding among them', async () => {
    const { metrics: all } = metrics();
    const labels = 'model="digits",version="3",signature="serving_default"';
    all.recordBatch(batchRecord());
    assert.ok(!(await textOf(all)).includes('pillion_batch_elements_total{'));
    all.recordBatch(batchRecord({ elements: 30, paddingElements: 10 }));
    all.recordBatch(batchRecord({ elements: 20, paddingElements: 0 }));
    assert.equal(await sampleOf(all, `pillion_batch_elements_total{${labels}}`), 50);
    assert.equal(await sampleOf(all, `pillion_batch_padding_elements_total{${labels}}`), 10);
  });

  it('that failed for one request’s values are counted once, and so are those of a single request with such values', async () => {
    const { metrics: all } = metrics();
    all.recordBatch(batchRecord());
    all.recordBatch(batchRecord({ outcome: 'backend_failed', isolation: 'run_again' }));
    all.recordBatch(batchRecord({ outcome: 'backend_failed', isolation: 'run_again', reason: 'isolation' }));
    all.recordBatch(batchRecord({ outcome: 'invalid_request', isolation: 'values', reason: 'isolation' }));
    const labels = 'model="digits",version="3",signature="serving_default"';
    assert.equal(await sampleOf(all, `pillion_isolations_total{${labels},result="run_again"}`), 1);
    assert.equal(await sampleOf(all, `pillion_isolations_total{${labels},result="values"}`), 1);
  });

  it('have the runtime’s own time, and by how much the prediction was wrong', async () => {
    const { metrics: all } = metrics();
    all.recordBatch(batchRecord({ expectedMs: 4 }));
    all.recordBatch(batchRecord({ runStart: undefined, runEnd: undefined }));
    all.recordBatch(batchRecord({ expectedMs: 4, splitStart: 0, outcome: 'worker_lost' }));
    const labels = 'model="digits",version="3",signature="serving_default"';
    assert.equal(await sampleOf(all, `pillion_run_duration_seconds_sum{${labels}}`), 0.008);
    assert.equal(await sampleOf(all, `pillion_run_duration_seconds_count{${labels}}`), 2);
    assert.equal(await sampleOf(all, `pillion_run_prediction_error_seconds_sum{${labels}}`), 0.002);
    assert.equal(await sampleOf(all, `pillion_run_prediction_error_seconds_count{${labels}}`), 1);
  });
});

describe('states', () => {
  it('of a circuit breaker: the one that it is in has 1', async () => {
    const { metrics: all } = metrics();
    let state: 'closed' | 'open' = 'closed';
    all.gauges.observeBreakers(() => [{ model: 'digits', version: '3', state }]);
    const read = () =>
      Promise.all(
        ['closed', 'half_open', 'open'].map((each) =>
          sampleOf(all, `pillion_breaker_state{model="digits",version="3",state="${each}"}`),
        ),
      );
    assert.deepEqual(await read(), [1, 0, 0]);
    state = 'open';
    assert.deepEqual(await read(), [0, 0, 1]);
  });

  it('are asked for at each scrape', async () => {
    const { metrics: all } = metrics();
    let rows = 4;
    let inFlight = 2;
    all.gauges.observeQueues(() => [{ model: 'digits', version: '3', rows, tasks: 2, runningBatches: 1 }]);
    all.gauges.observe('pillion_requests_in_flight', 'In flight.', () => inFlight);
    const labels = 'model="digits",version="3"';
    assert.equal(await sampleOf(all, `pillion_queue_rows{${labels}}`), 4);
    assert.equal(await sampleOf(all, `pillion_queue_tasks{${labels}}`), 2);
    assert.equal(await sampleOf(all, `pillion_running_batches{${labels}}`), 1);
    assert.equal(await sampleOf(all, 'pillion_requests_in_flight'), 2);
    rows = 0;
    inFlight = 0;
    assert.equal(await sampleOf(all, `pillion_queue_rows{${labels}}`), 0);
    assert.equal(await sampleOf(all, 'pillion_requests_in_flight'), 0);
  });
});

it('signatures have series of their own', async () => {
  const { metrics: all } = metrics();
  for (const signatureName of ['a', 'b', 'a']) all.recordRequest(requestRecord({ signatureName }));
  const count = (signature: string) =>
    sampleOf(all, `pillion_request_duration_seconds_count{${REQUEST.replace('serving_default', signature)}}`);
  assert.deepEqual([await count('a'), await count('b')], [2, 1]);
});

it('what is kept is counted', async () => {
  const { metrics: all } = metrics();
  all.recordRequest(requestRecord(), 'slow');
  assert.equal(await sampleOf(all, 'pillion_kept_requests_total{reason="slow"}'), 1);
  assert.equal(await sampleOf(all, 'pillion_kept_requests_total{reason="failed"}'), 0);
});

describe('hosts', () => {
  it('have restarts counted by reason, and the memory of their processes asked for', async () => {
    const { metrics: all, clock } = metrics();
    for (let i = 0; i < 2; i++) all.recordHostRestart('digits', '3', 'lost');
    all.recordHostRestart('digits', '3', 'recycled');
    all.gauges.observeHosts(() => [{ model: 'digits', version: '3', residentBytes: 5 }]);
    all.gauges.observeProcessGroups(() => [{ group: 'small', residentBytes: 7 }]);
    assert.equal(await sampleOf(all, 'pillion_process_group_resident_bytes{process_group="small"}'), 7);
    const labels = 'model="digits",version="3"';
    assert.equal(await sampleOf(all, `pillion_host_restarts_total{${labels},reason="lost"}`), 2);
    assert.equal(await sampleOf(all, `pillion_host_restarts_total{${labels},reason="recycled"}`), 1);
    assert.equal(await sampleOf(all, `pillion_host_resident_bytes{${labels}}`), 5);
    all.forgetVersion('digits', '3');
    clock.advance(60_000);
    assert.ok(!(await textOf(all)).includes('pillion_host_restarts_total{'));
  });
});

describe('a forgotten version', () => {
  it('is printed for a minute more and then gone, and leaves the others', async () => {
    const { metrics: all, clock } = metrics();
    all.recordRequest(requestRecord());
    all.recordBatch(batchRecord());
    all.recordRequest(requestRecord({ version: '4' }));
    all.forgetVersion('digits', '3');
    clock.advance(59_999);
    all.recordRequest(requestRecord());
    assert.equal(await sampleOf(all, `pillion_request_duration_seconds_count{${REQUEST}}`), 2);
    clock.advance(1);
    const text = await textOf(all);
    assert.ok(!text.includes('version="3"'), text);
    assert.ok(text.includes('version="4"'));
  });

  it('takes with it the requests about its model alone if it was the last one', async () => {
    const { metrics: all, clock } = metrics();
    all.recordRequest(requestRecord());
    all.recordRequest(requestRecord({ version: '4' }));
    all.recordRequest(requestRecord({ version: '', signatureName: '', method: 'RepositoryModelLoad' }));
    all.forgetVersion('digits', '3');
    clock.advance(60_000);
    assert.match(await textOf(all), /method="RepositoryModelLoad",model="digits"/);
    all.forgetVersion('digits', '4');
    clock.advance(60_000);
    assert.ok(!(await textOf(all)).includes('model="digits"'));
  });

  it('starts again from nothing if it comes back', async () => {
    const { metrics: all, clock } = metrics();
    all.recordRequest(requestRecord());
    all.forgetVersion('digits', '3');
    clock.advance(60_000);
    all.recordRequest(requestRecord());
    assert.equal(await sampleOf(all, `pillion_request_duration_seconds_count{${REQUEST}}`), 1);
  });

  it('that never had a request is no error, and closing leaves no timer', () => {
    const { metrics: all, clock } = metrics();
    all.forgetVersion('nobody', '1');
    all.forgetVersion('nobody', '2');
    all.close();
    assert.equal(clock.armed, 0);
  });
});

it('a counter’s total is the sum of its series; what is no counter has 0', async () => {
  const { metrics: all } = metrics();
  assert.equal(await all.counterTotal('pillion_batches_total'), 0);
  all.recordBatch(batchRecord());
  all.recordBatch(batchRecord());
  assert.equal(await all.counterTotal('pillion_batches_total'), 2);
  assert.equal(await all.counterTotal('pillion_batch_size'), 0);
  assert.equal(await all.counterTotal('nothing'), 0);
  const others = counterFamily('others_total', 'x');
  all.registry.register(others);
  others.open({ a: '1' }).add(2);
  others.open({ a: '2' }).add(3);
  assert.equal(await all.counterTotal('others_total'), 5);
});

it('the mean size of a model’s batches is known after a hundred', () => {
  const { metrics: all } = metrics();
  const { model, version } = batchRecord();
  for (let i = 0; i < 99; i++) all.recordBatch({ ...batchRecord(), rows: 2 });
  assert.equal(all.meanBatchRows(model), undefined);
  all.recordBatch({ ...batchRecord(), version: `${version}0`, rows: 102 });
  assert.equal(all.meanBatchRows(model), 3);
  assert.equal(all.meanBatchRows('another'), undefined);
});

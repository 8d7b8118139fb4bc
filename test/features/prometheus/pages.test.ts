import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricsPages } from '../../../src/features/prometheus/pages.ts';
import { observeCollections, processFamilies } from '../../../src/features/prometheus/process-families.ts';
import { TfServingMetrics } from '../../../src/features/prometheus/tf-serving-metrics.ts';
import { TestMetrics } from '../../support/columns.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';

const REQUEST = 'surface="grpc",method="Predict",model="digits",version="3",signature="serving_default",outcome="ok"';

function setUp() {
  const clock = new FakeClock();
  const all = new TestMetrics({ clock });
  const tfServing = new TfServingMetrics();
  all.totals.followers.add(tfServing);
  all.addAliases(tfServing.families);
  return { all, tfServing, pages: new MetricsPages(all, clock) };
}

describe('the page', () => {
  const OPEN = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4';

  it('is Prometheus text, or OpenMetrics with exemplars for who asks for it', async () => {
    const { all, pages } = setUp();
    all.recordRequest(requestRecord(), undefined, 'a'.repeat(32));
    const plain = await pages.page();
    assert.match(plain.contentType, /^text\/plain; version=0\.0\.4/);
    assert.ok(!plain.text.includes('aaaa'));
    const open = await pages.page({ accept: OPEN });
    assert.match(open.contentType, /^application\/openmetrics-text; version=1\.0\.0/);
    const exemplar = `# {trace_id="${'a'.repeat(32)}"} 0.036 1700000000.136`;
    assert.ok(open.text.includes(`bucket{le="0.05",${REQUEST}} 1 ${exemplar}\n`), open.text);
    assert.equal(open.text.match(/pillion_stage_duration_seconds_bucket.* # \{/g)?.length, 8);
    assert.match(open.text, /^# TYPE pillion_kept_requests counter\n/m);
    assert.match(open.text, /^pillion_kept_requests_total\{reason="slow"\} 0$/m);
    assert.ok(open.text.endsWith('\n# EOF\n'));
  });

  it('is OpenMetrics with the process’s own metrics too', async () => {
    const { all, pages } = setUp();
    const collections = observeCollections();
    all.registry.register(...processFamilies(), collections.family);
    const { text } = await pages.page({ accept: OPEN });
    assert.match(text, /^# TYPE nodejs_gc_duration_seconds histogram$/m);
    assert.match(text, /^process_cpu_seconds_total /m);
    collections.close();
  });

  it('has TensorFlow Serving’s names where they are asked for', async () => {
    const { all, pages, tfServing } = setUp();
    const batch = batchRecord();
    all.recordBatch(batch);
    tfServing.recordBatch(batch);
    all.recordRequest(requestRecord({ batch }));
    all.recordRequest(requestRecord({ surface: 'rest', version: '4', batch }));
    all.recordRequest(requestRecord({ outcome: 'model_not_found', model: '', version: '', signatureName: '' }));
    assert.ok(!(await pages.page()).text.includes(':tensorflow:'));
    const lines = (await pages.page({ withAliases: true })).text.split('\n');
    for (const line of [
      ':tensorflow:serving:request_count{model_name="digits",status="OK"} 2',
      ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 1',
      ':tensorflow:serving:request_latency_sum{model_name="digits",API="Predict",entrypoint="GRPC"} 36000',
      ':tensorflow:serving:request_latency_count{model_name="digits",API="predict",entrypoint="REST"} 1',
      ':tensorflow:serving:runtime_latency_sum{model_name="digits",API="Predict",runtime="Pillion"} 8000',
      ':tensorflow:serving:batching_session:queuing_latency_sum{thread_pool_name=""} 8000',
      ':tensorflow:serving:batching_session:wrapped_run_count 1',
      ':tensorflow:serving:batching_session:input_batch_size_sum{thread_pool_name=""} 4',
      ':tensorflow:serving:batching_session:processed_batch_size_sum{thread_pool_name=""} 8',
      ':tensorflow:serving:batching_session:padding_size_sum{thread_pool_name="",execution_batch_size="8"} 3',
    ]) {
      assert.ok(lines.includes(line), `${line} is not in\n${lines.filter((each) => each.startsWith(':')).join('\n')}`);
    }
    const open = await pages.page({ withAliases: true, accept: OPEN });
    assert.match(open.text, /^# TYPE :tensorflow:serving:request_count unknown$/m);
    assert.equal(await all.counterTotal(':tensorflow:serving:request_count'), 3);
  });
});

it('two apps in one process do not see each other, and each tells of the process', async () => {
  const [first, second] = [setUp(), setUp()];
  for (const { all } of [first, second]) all.registry.register(...processFamilies());
  first.all.recordRequest(requestRecord());
  assert.ok((await first.pages.page()).text.includes('model="digits"'));
  const { text } = await second.pages.page();
  assert.ok(!text.includes('model="digits"'));
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
  assert.ok(!text.includes('nodejs_active_'));
});

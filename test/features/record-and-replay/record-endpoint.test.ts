import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';

import { numericTensor } from '../../../src/core/tensor.ts';
import { RecordCounters } from '../../../src/features/record-and-replay/record-counters.ts';
import { RecordEndpoint } from '../../../src/features/record-and-replay/record-endpoint.ts';
import { Registry } from '../../../src/ledger/metrics/registry.ts';
import { RequestSamplers } from '../../../src/models/serving/request-samplers.ts';
import { bodyOf, startAdmin } from '../../support/admin-harness.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { textOf } from '../../support/metrics-text.ts';
import { parseRecords } from '../../support/prediction-logs.ts';

const SERVED = {
  name: 'm',
  version: 1n,
  versionText: '1',
  signatureName: 'serving_default',
  signature: undefined as never,
  outputNames: ['y'],
};

/** An admin server, its address, and a model that gets requests from the test. */
async function harness(t: TestContext) {
  const clock = new FakeClock();
  const samplers = new RequestSamplers({ clock, random: () => 0.5, onInternalError: assert.ifError });
  const registry = new Registry();
  const record = new RecordEndpoint({
    clock,
    samplers,
    counters: new RecordCounters(registry),
    models: () => ['m', 'n'],
  });
  const askAdmin = await startAdmin(t, record.paths());
  const ask = (query: string, headers?: Record<string, string>): Promise<IncomingMessage> =>
    askAdmin(`/record?${query}`, { 'x-pillion-console': '1', ...headers });
  /** Sends a request of `bytes` bytes. False: it was not sampled. */
  const request = (bytes = 8): boolean => {
    const tensors = new Map([['x', numericTensor('uint8', [bytes], new Uint8Array(bytes))]]);
    const sample = samplers.pointOf('m').sampler?.sample();
    sample?.onPredict({ requested: {}, served: SERVED, inputs: tensors, outputFilter: [], outputs: tensors });
    return sample !== undefined;
  };
  return { ask, request, record, clock, registry, samplers };
}

describe('GET /record', () => {
  it('sends each request as it comes, until there are enough, and says how it ended', async (t) => {
    const { ask, request, registry } = await harness(t);
    assert.equal(request(), false);
    const answer = await ask('model=m&count=2');
    assert.equal(answer.statusCode, 200);
    for (let i = 0; i < 3; i++) request();
    const logs = parseRecords(await bodyOf(answer));
    assert.equal(logs.length, 2);
    assert.equal(
      (logs[0] as never as { logType: { value: { response?: unknown } } }).logType.value.response,
      undefined,
    );
    assert.deepEqual(
      { ...answer.trailers },
      { 'x-pillion-records': '2', 'x-pillion-dropped': '0', 'x-pillion-ended': 'count' },
    );
    assert.equal(request(), false, 'nobody listens any more');
    assert.match(await textOf(registry), /pillion_recorded_requests_total\{model="m",outcome="written"\} 2/);
  });

  it('sends the answers too where they are asked for', async (t) => {
    const { ask, request } = await harness(t);
    const answer = await ask('model=m&count=1&with_response=true');
    request();
    const [log] = parseRecords(await bodyOf(answer)) as never as { logType: { value: { response: object } } }[];
    assert.notEqual(log!.logType.value.response, undefined);
  });

  it('ends before it has more bytes, and after its time', async (t) => {
    const { ask, request, clock } = await harness(t);
    const small = await ask('model=m&max_bytes=300');
    request();
    request(1000);
    assert.equal(parseRecords(await bodyOf(small)).length, 1);
    assert.equal(small.trailers['x-pillion-ended'], 'max_bytes');
    const short = await ask('model=m&duration_ms=500');
    clock.advance(500);
    assert.equal((await bodyOf(short)).length, 0);
    assert.equal(short.trailers['x-pillion-ended'], 'duration');
    assert.equal(clock.armed, 0);
  });

  it('takes its share of the requests', async (t) => {
    const { ask, request } = await harness(t);
    const answer = await ask('model=m&sample=0.4');
    assert.equal(request(), false, 'the dice show 0.5');
    answer.destroy();
  });

  it('loses what its reader is too slow for, counts it, and does not wait', async (t) => {
    const { ask, request, registry } = await harness(t);
    const answer = await ask('model=m&count=1000&max_bytes=2000000000');
    answer.pause();
    for (let i = 0; i < 40; i++) request(2 ** 20);
    const dropped = Number(/outcome="dropped"\} (\d+)/.exec(await textOf(registry))![1]);
    assert.ok(dropped > 20, `${dropped}`);
    answer.destroy();
  });

  it('stops listening when its reader leaves, and ends well when the server drains', async (t) => {
    const { ask, request, record, samplers } = await harness(t);
    const left = await ask('model=m');
    left.destroy();
    while (samplers.pointOf('m').sampler !== undefined) await setImmediate();
    const drained = await ask('model=m');
    request();
    for (const path of record.paths()) path.drain?.();
    assert.equal(parseRecords(await bodyOf(drained)).length, 1);
    assert.equal(drained.trailers['x-pillion-ended'], 'draining');
    const late = await ask('model=m');
    assert.equal(late.statusCode, 503);
    late.resume();
  });

  it('says what is wrong with what was asked', async (t) => {
    const { ask } = await harness(t);
    const cases: [query: string, status: number, text: RegExp][] = [
      ['model=zz', 404, /no model "zz" is served here; served: m, n/],
      ['', 400, /model=NAME is missing/],
      ['model=m&count=0&max_bytes=x', 400, /count=0 wants a whole number from 1; max_bytes=x wants/],
      ['model=m&sample=2', 400, /sample=2 wants a number above 0/],
      ['model=m&cout=2', 400, /unknown parameter "cout"/],
    ];
    for (const [query, status, text] of cases) {
      const answer = await ask(query);
      assert.equal(answer.statusCode, status, query);
      assert.match((await bodyOf(answer)).toString(), text);
    }
  });

  it('is not for pages of other names, and not for more than a few at a time', async (t) => {
    const { ask } = await harness(t);
    const page = await ask('model=m', { host: 'evil.example:8502' });
    assert.equal(page.statusCode, 403);
    page.resume();
    const recordings = await Promise.all([1, 2, 3, 4].map(() => ask('model=m', { host: 'localhost:8502' })));
    const fifth = await ask('model=m');
    assert.equal(fifth.statusCode, 429);
    fifth.resume();
    for (const recording of recordings) recording.destroy();
  });
});

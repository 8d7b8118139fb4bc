import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplerFromEnv } from '../../../../src/ledger/tracing/sampler.ts';
import { Sampling } from '../../../../src/ledger/tracing/sampling.ts';

const LOW = `${'f'.repeat(16)}00${'0'.repeat(14)}`;
const HIGH = `${'0'.repeat(18)}${'f'.repeat(14)}`;
const sampledCaller = { traceId: LOW, spanId: 'a'.repeat(16), isSampled: true, traceState: undefined };

const samplingOf = (name?: string, argument?: string): Sampling =>
  new Sampling(samplerFromEnv({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument }));

test('the rate that the environment says', () => {
  for (const [name, argument, rate] of [
    [undefined, undefined, 1],
    ['always_off', undefined, 0],
    ['traceidratio', '0.01', 100],
    ['parentbased_traceidratio', '0', 0],
    ['nonsense', undefined, 1],
  ] as const) {
    assert.equal(samplingOf(name, argument).rate, rate);
  }
});

test('another rate, and back', () => {
  const sampling = samplingOf('traceidratio', '0');
  assert.equal(sampling.isSampled(HIGH, undefined), false);
  sampling.setRate(2);
  assert.equal(sampling.rate, 2);
  assert.deepEqual([sampling.isSampled(LOW, undefined), sampling.isSampled(HIGH, undefined)], [false, true]);
  sampling.setRate(undefined);
  assert.deepEqual([sampling.rate, sampling.isSampled(HIGH, undefined)], [0, false]);
});

test('the caller decides as before, until nothing is traced', () => {
  const sampling = samplingOf('parentbased_always_on');
  sampling.setRate(1_000_000);
  assert.equal(sampling.isSampled(LOW, sampledCaller), true);
  sampling.isOn = false;
  assert.equal(sampling.isSampled(LOW, sampledCaller), false);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { samplerFromEnv, traceIdRatio } from '../../../../src/ledger/tracing/sampler.ts';
import { newTraceId } from '../../../../src/ledger/tracing/trace-context.ts';

const LOW = `${'f'.repeat(16)}00${'0'.repeat(14)}`;
const HIGH = `${'0'.repeat(18)}${'f'.repeat(14)}`;
const sampledCaller = { traceId: LOW, spanId: 'a'.repeat(16), isSampled: true, traceState: undefined };
const unsampledCaller = { ...sampledCaller, isSampled: false };

/** It has a span, and leaves the decision to this server. */
const deferring = { ...unsampledCaller, isDeferred: true };

type Decisions = readonly [rootLow: boolean, rootHigh: boolean, callerOn: boolean, callerOff: boolean];

function decisions(name: string | undefined, argument?: string): Decisions {
  const { sampler } = samplerFromEnv({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument });
  return [
    sampler(LOW, undefined),
    sampler(HIGH, undefined),
    sampler(LOW, sampledCaller),
    sampler(HIGH, unsampledCaller),
  ];
}

describe('the sampler named by the environment', () => {
  it('decides for a caller that leaves it to this server, as for a trace that begins here', () => {
    const { sampler } = samplerFromEnv({
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.5',
    });
    assert.deepEqual([sampler(LOW, deferring), sampler(HIGH, deferring)], [false, true]);
  });

  const table: readonly (readonly [name: string | undefined, argument: string | undefined, expected: Decisions])[] = [
    [undefined, undefined, [true, true, true, false]],
    ['', '', [true, true, true, false]],
    ['always_on', undefined, [true, true, true, true]],
    ['always_off', undefined, [false, false, false, false]],
    ['traceidratio', '0.5', [false, true, false, true]],
    ['traceidratio', '0', [false, false, false, false]],
    ['traceidratio', '1', [true, true, true, true]],
    ['traceidratio', undefined, [true, true, true, true]],
    ['parentbased_always_on', undefined, [true, true, true, false]],
    ['parentbased_always_off', undefined, [false, false, true, false]],
    ['parentbased_traceidratio', '0.5', [false, true, true, false]],
    [' parentbased_traceidratio ', ' 0.5 ', [false, true, true, false]],
  ];
  for (const [name, argument, expected] of table) {
    it(`${name} ${argument ?? ''}`, () => {
      assert.deepEqual(decisions(name, argument), expected);
      const env = { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument };
      assert.equal(samplerFromEnv(env).warning, undefined);
    });
  }

  it('that nobody knows is the default, with a warning that says what is known', () => {
    assert.deepEqual(decisions('jaeger_remote'), [true, true, true, false]);
    const { warning } = samplerFromEnv({ OTEL_TRACES_SAMPLER: 'jaeger_remote' });
    assert.match(warning ?? '', /"jaeger_remote".*always_on.*traceidratio/);
  });

  for (const argument of ['-1', '1.5', 'NaN', 'half']) {
    it(`samples everything, with a warning, where the ratio is ${argument}`, () => {
      assert.deepEqual(decisions('traceidratio', argument), [true, true, true, true]);
      const { warning } = samplerFromEnv({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: argument });
      assert.ok(warning?.includes(`"${argument}"`));
    });
  }
});

describe('sampling by ratio', () => {
  it('takes about its share', () => {
    const sampled = traceIdRatio(0.25);
    const taken = Array.from({ length: 20_000 }, newTraceId).filter(sampled).length;
    // 5,000 expected, standard deviation 61: eight of them.
    assert.ok(Math.abs(taken - 5000) < 490, `took ${taken} of 20,000`);
  });

  it('takes at a larger ratio all that it takes at a smaller one', () => {
    const ratio = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(ratio, ratio, (a, b) => {
        const id = newTraceId();
        const [less, more] = a < b ? [a, b] : [b, a];
        assert.ok(!traceIdRatio(less)(id) || traceIdRatio(more)(id));
      }),
    );
  });
});

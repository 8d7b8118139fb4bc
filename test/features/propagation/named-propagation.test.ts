/** OTEL_PROPAGATORS: which names there are, in which order formats are read, and how conflicts end. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { namedPropagation } from '../../../src/features/propagation/named-propagation.ts';
import { passedOn, read, written } from './propagated.ts';

const [A, B] = ['a'.repeat(32), 'b'.repeat(32)];
const SPAN = '00f067aa0ba902b7';

describe('names', () => {
  test('an unknown one is an error with the known ones', async () => {
    const text =
      'OTEL_PROPAGATORS: "b4", "toString" is not known; ' +
      'known are tracecontext, b3, b3multi, jaeger, xray, datadog, baggage, none';
    await assert.rejects(namedPropagation(['b4', 'b3', 'toString']), { message: text });
  });

  test('none stands alone', async () => {
    await assert.rejects(namedPropagation(['none', 'b3']), { message: /none does not go with other names/ });
    const nothing = await namedPropagation(['none']);
    assert.equal(nothing.names.size, 0);
    const headers = { traceparent: `00-${A}-${SPAN}-01`, b3: '1' };
    assert.equal(await read('none', headers), undefined);
    const context = { traceId: A, spanId: SPAN, parentSpanId: undefined, isSampled: true, traceState: undefined };
    assert.deepEqual(await written('none', context), {});
  });

  test('what is not named is not read', async () => {
    assert.equal(await read('b3', { traceparent: `00-${A}-${SPAN}-01` }), undefined);
    assert.equal(await read('tracecontext', { b3: `${A}-${SPAN}-1` }), undefined);
    const bin = () => assert.fail('grpc-trace-bin goes with tracecontext');
    assert.equal(
      (await namedPropagation(['b3', 'baggage'])).read({}, () => undefined, bin),
      undefined,
    );
  });

  test('a name that comes twice counts once', async () => {
    const { names } = await namedPropagation(['b3', 'b3', 'tracecontext']);
    assert.deepEqual(
      [...names].filter((name) => name === 'b3' || name === 'traceparent'),
      ['b3', 'traceparent'],
    );
  });
});

describe('baggage', () => {
  const headers = { b3: `${A}-${SPAN}-1`, baggage: 'user=ada' };

  test('goes with a trace of any format, where it is named', async () => {
    assert.equal((await read('b3,baggage', headers))?.baggage, 'user=ada');
    assert.equal((await read('baggage,b3', headers))?.baggage, 'user=ada');
    assert.equal((await read('b3', headers))?.baggage, undefined);
    assert.equal(
      (await read('tracecontext', { traceparent: `00-${A}-${SPAN}-01`, baggage: 'a=b' }))?.baggage,
      undefined,
    );
  });

  test('is nothing without one', async () => assert.equal(await read('baggage', headers), undefined));
});

describe('several formats', () => {
  const both = { traceparent: `00-${A}-${SPAN}-01`, tracestate: 'v=1', b3: `${B}-${SPAN}-0` };

  test('the last that finds a span counts, alone', async () => {
    const b3 = await read('tracecontext,b3', both);
    assert.deepEqual([b3?.traceId, b3?.isSampled, b3?.traceState], [B, false, undefined]);
    const w3c = await read('b3,tracecontext', both);
    assert.deepEqual([w3c?.traceId, w3c?.isSampled, w3c?.traceState], [A, true, 'v=1']);
  });

  test('a malformed or missing one leaves the one before', async () => {
    assert.equal((await read('tracecontext,b3', { ...both, b3: 'nonsense' }))?.traceId, A);
    assert.equal((await read('tracecontext,b3,jaeger,xray,datadog', { traceparent: both.traceparent }))?.traceId, A);
  });

  test('a decision without a span is none beside one', async () => {
    assert.equal((await read('tracecontext,b3', { ...both, b3: '0' }))?.isSampled, true);
    assert.equal((await read('b3,tracecontext', { ...both, b3: '0' }))?.traceId, A);
  });

  test('of the same span each keeps what it alone says', async () => {
    const headers = { ...both, traceparent: `00-${A}-${SPAN}-03`, b3: `${A}-${SPAN}-d` };
    const caller = await read('tracecontext,b3', headers);
    assert.deepEqual([caller?.traceState, caller?.isRandom, caller?.isSampled], ['v=1', true, true]);
    assert.deepEqual(await written('tracecontext,b3', passedOn(caller)), headers);
    // It leaves the decision to the receiver; the other has one.
    const open = await read('tracecontext,b3', { ...headers, b3: `${A}-${SPAN}` });
    assert.deepEqual([open?.isSampled, open?.isDeferred], [true, undefined]);
  });

  test('all are written', async () => {
    const context = { traceId: A, spanId: SPAN, parentSpanId: undefined, isSampled: true, traceState: undefined };
    assert.deepEqual(await written('tracecontext,b3,b3multi,jaeger,xray,datadog', context), {
      traceparent: `00-${A}-${SPAN}-01`,
      b3: `${A}-${SPAN}-1`,
      'x-b3-traceid': A,
      'x-b3-spanid': SPAN,
      'x-b3-sampled': '1',
      'uber-trace-id': `${A}:${SPAN}:0:01`,
      'x-amzn-trace-id': `Root=1-aaaaaaaa-${'a'.repeat(24)};Parent=${SPAN};Sampled=1`,
      'x-datadog-trace-id': BigInt(`0x${'a'.repeat(16)}`).toString(),
      'x-datadog-parent-id': BigInt(`0x${SPAN}`).toString(),
      'x-datadog-sampling-priority': '1',
      'x-datadog-tags': `_dd.p.tid=${'a'.repeat(16)}`,
    });
  });
});

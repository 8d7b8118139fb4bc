import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  callerTrace,
  formatTraceparent,
  parseGrpcTraceBin,
  parseTraceparent,
  parseTracestate,
  traceHeadersOf,
  W3C,
} from '../../../../src/ledger/tracing/propagation.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const GOOD = `00-${TRACE}-${SPAN}-01`;

function binary(flags = 1): Uint8Array {
  return Buffer.from(`0000${TRACE}01${SPAN}02${flags.toString(16).padStart(2, '0')}`, 'hex');
}

describe('traceparent', () => {
  const accepted: readonly (readonly [name: string, header: string, isSampled: boolean, isRandom?: true])[] = [
    ['sampled', GOOD, true],
    ['not sampled', `00-${TRACE}-${SPAN}-00`, false],
    ['unknown flags are left aside', `00-${TRACE}-${SPAN}-fc`, false],
    ['unknown flags beside the sampled one', `00-${TRACE}-${SPAN}-05`, true],
    ['random', `00-${TRACE}-${SPAN}-02`, false, true],
    ['random and sampled', `00-${TRACE}-${SPAN}-03`, true, true],
    ['all flags', `00-${TRACE}-${SPAN}-ff`, true, true],
    ['a later version', `01-${TRACE}-${SPAN}-01`, true],
    ['a later version with more behind', `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, true],
    ['a later version that ends in a dash', `cc-${TRACE}-${SPAN}-01-`, true],
  ];
  for (const [name, header, isSampled, isRandom] of accepted) {
    it(`is read: ${name}`, () => {
      const caller = { traceId: TRACE, spanId: SPAN, isSampled, traceState: undefined };
      assert.deepEqual(parseTraceparent(header), isRandom ? { ...caller, isRandom } : caller);
    });
  }

  const refused: readonly (readonly [name: string, header: string])[] = [
    ['empty', ''],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['version 00 with more behind', `${GOOD}-extra`],
    ['a later version with more behind but no dash', `cc-${TRACE}-${SPAN}-01.what`],
    ['trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['upper case', GOOD.toUpperCase()],
    ['short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['no hex', `00-${TRACE.slice(1)}g-${SPAN}-01`],
    ['no flags', `00-${TRACE}-${SPAN}`],
    ['one flag digit', `00-${TRACE}-${SPAN}-1`],
    ['space around', ` ${GOOD}`],
    ['line break behind', `${GOOD}\n`],
    ['sent twice', `${GOOD}, ${GOOD}`],
    ['huge', 'a'.repeat(1_000_000)],
  ];
  for (const [name, header] of refused) {
    it(`is as if not sent: ${name}`, () => assert.equal(parseTraceparent(header), undefined));
  }

  it('is answered with our own span, and reads back as it was written', () => {
    const hex = (digits: number) =>
      fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((id) => /[^0]/.test(id));
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), fc.boolean(), (traceId, spanId, isSampled, isRandom) => {
        const caller = { traceId, spanId, isSampled, traceState: undefined, ...(isRandom && { isRandom }) };
        const context = { ...caller, parentSpanId: SPAN };
        assert.deepEqual(parseTraceparent(formatTraceparent(context)), caller);
      }),
    );
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseTraceparent(text)));
  });
});

describe('tracestate', () => {
  const kept = [
    'congo=t61rcWkgMzE',
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
    'a=1, b=2',
    'tenant@vendor=x',
    'a=1,,b=2',
  ];
  for (const header of kept)
    it(`is carried as it came: ${header}`, () => assert.equal(parseTracestate(header), header));

  const dropped: readonly (readonly [name: string, header: string])[] = [
    ['empty', ''],
    ['only commas', ',,,'],
    ['over 512 characters', `a=${'x'.repeat(255)},b=${'y'.repeat(255)}`],
    ['over 32 members', Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(',')],
    ['no value', 'a'],
    ['upper-case key', 'Key=1'],
    ['a line break, which could split a header sent on', 'a=1\r\nx-evil: 1'],
    ['beyond ASCII', 'a=ü'],
  ];
  for (const [name, header] of dropped) {
    it(`is dropped: ${name}`, () => assert.equal(parseTracestate(header), undefined));
  }

  it('is kept at exactly 512 characters', () => {
    const header = `a=${'x'.repeat(253)},b=${'y'.repeat(254)}`;
    assert.equal(header.length, 512);
    assert.equal(parseTracestate(header), header);
  });
});

describe('grpc-trace-bin', () => {
  const caller = { traceId: TRACE, spanId: SPAN, isSampled: true, traceState: undefined };

  it('is read', () => assert.deepEqual(parseGrpcTraceBin(binary()), caller));

  it('is read from the middle of a larger buffer', () => {
    const large = Buffer.concat([Buffer.from([9, 9, 9]), binary(), Buffer.from([9])]);
    assert.deepEqual(parseGrpcTraceBin(large.subarray(3, 32)), caller);
  });

  it('says not sampled by its flag, and where its options are missing or cut off', () => {
    for (const bytes of [binary(0), binary(2), binary().subarray(0, 27), binary().subarray(0, 28)]) {
      assert.deepEqual(parseGrpcTraceBin(bytes), { ...caller, isSampled: false });
    }
  });

  const refused: readonly (readonly [name: string, bytes: Uint8Array])[] = [
    ['empty', new Uint8Array()],
    ['truncated', binary().subarray(0, 26)],
    ['another version', Buffer.concat([Buffer.from([1]), binary().subarray(1)])],
    ['another first field', Buffer.from(`0001${TRACE}01${SPAN}0201`, 'hex')],
    ['another second field', Buffer.from(`0000${TRACE}03${SPAN}0201`, 'hex')],
    ['trace id of zeros', Buffer.from(`0000${'00'.repeat(16)}01${SPAN}0201`, 'hex')],
    ['span id of zeros', Buffer.from(`0000${TRACE}01${'00'.repeat(8)}0201`, 'hex')],
  ];
  for (const [name, bytes] of refused) {
    it(`is as if not sent: ${name}`, () => assert.equal(parseGrpcTraceBin(bytes), undefined));
  }

  it('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void parseGrpcTraceBin(bytes)));
  });
});

describe('the caller of a request', () => {
  it('is none where nothing was sent', () => assert.equal(callerTrace(undefined, undefined, undefined), undefined));

  it('has its tracestate with it, but only if that is well formed', () => {
    assert.equal(callerTrace(GOOD, 'a=1', undefined)?.traceState, 'a=1');
    assert.equal(callerTrace(GOOD, 'nonsense', undefined)?.traceState, undefined);
    assert.equal(callerTrace(GOOD, 'nonsense', undefined)?.traceId, TRACE);
  });

  it('is read from traceparent first', () => {
    const other = `00-${'a'.repeat(32)}-${SPAN}-00`;
    assert.equal(callerTrace(other, undefined, binary())?.traceId, 'a'.repeat(32));
  });

  it('is read from grpc-trace-bin where traceparent is missing or broken', () => {
    assert.equal(callerTrace(undefined, undefined, binary())?.traceId, TRACE);
    assert.equal(callerTrace('broken', 'a=1', binary())?.traceId, TRACE);
    assert.equal(callerTrace('broken', 'a=1', binary())?.traceState, undefined);
  });

  it('has its baggage with it, as it came', () => {
    const withBaggage = (baggage: string) => callerTrace(GOOD, undefined, undefined, baggage);
    const header = 'user=ada;meta=1, tenant=blue%20sky';
    assert.equal(withBaggage(header)?.baggage, header);
    assert.equal(callerTrace(undefined, undefined, binary(), header)?.baggage, header);
    for (const bad of ['', 'nothing', 'a=1\r\nx-evil: 1', 'a=ü', `a=${'x'.repeat(8191)}`]) {
      assert.deepEqual(withBaggage(bad), parseTraceparent(GOOD));
    }
  });

  it('drops a baggage that is no list in one pass over it', () => {
    const startedAt = process.cpuUsage();
    // A pattern that looks for each "=" anew takes a second of the processor for these ten.
    for (let i = 0; i < 10; i++) {
      const hostile = `${'='.repeat(8191)}ü`;
      assert.deepEqual(callerTrace(GOOD, undefined, undefined, hostile), parseTraceparent(GOOD));
    }
    const { user } = process.cpuUsage(startedAt);
    assert.ok(user < 200_000, `${user} µs`);
  });

  it('goes on with tracestate and baggage to servers that are asked on its behalf', () => {
    const context = { ...callerTrace(GOOD, 'a=1', undefined, 'user=ada')!, parentSpanId: undefined };
    assert.deepEqual(traceHeadersOf(context, W3C), { traceparent: GOOD, tracestate: 'a=1', baggage: 'user=ada' });
    const bare = { ...context, traceState: undefined, baggage: undefined };
    assert.deepEqual(traceHeadersOf(bare, W3C), { traceparent: GOOD });
  });

  it('is none where only a tracestate was sent', () =>
    assert.equal(callerTrace(undefined, 'a=1', undefined), undefined));
});

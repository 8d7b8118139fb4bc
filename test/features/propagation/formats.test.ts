/** What each format reads, what it takes for malformed, and what it passes on. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Headers, passedOn, read, written } from './propagated.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const LOW = 'a3ce929d0e0e4736';
const PADDED = `${'0'.repeat(16)}${LOW}`;
const SPAN = '00f067aa0ba902b7';
const ZERO = '0'.repeat(32);
const HUGE = 'a'.repeat(100_000);

const multi = (traceId: string, spanId: string, more: Headers = {}): Headers => ({
  'x-b3-traceid': traceId,
  'x-b3-spanid': spanId,
  ...more,
});

type Row = readonly [format: string, headers: Headers, traceId: string, decision: boolean | 'deferred'];

const GOOD: readonly Row[] = [
  ['b3', { b3: `${TRACE}-${SPAN}-1` }, TRACE, true],
  ['b3', { b3: `${TRACE}-${SPAN}-0` }, TRACE, false],
  ['b3', { b3: `${TRACE}-${SPAN}-d` }, TRACE, true],
  ['b3', { b3: `${TRACE}-${SPAN}` }, TRACE, 'deferred'],
  ['b3', { b3: `${TRACE}-${SPAN}-1-${SPAN}` }, TRACE, true],
  ['b3', { b3: `${LOW}-${SPAN}-1` }, PADDED, true],
  ['b3', multi(TRACE, SPAN, { 'x-b3-sampled': '1' }), TRACE, true],
  ['b3multi', { b3: `${TRACE}-${SPAN}-1` }, TRACE, true],
  ['b3multi', multi(LOW, SPAN, { 'x-b3-sampled': 'false' }), PADDED, false],
  ['b3multi', multi(LOW, SPAN, { 'x-b3-sampled': 'true', 'x-b3-parentspanid': 'nonsense' }), PADDED, true],
  ['b3multi', multi(TRACE, SPAN, { 'x-b3-flags': '1', 'x-b3-sampled': '0' }), TRACE, true],
  ['b3multi', multi(TRACE, SPAN), TRACE, 'deferred'],
  // The one header counts where there are both, unless it is malformed.
  ['b3multi', { b3: `${TRACE}-${SPAN}-1`, ...multi(LOW, SPAN, { 'x-b3-sampled': '0' }) }, TRACE, true],
  ['b3', { b3: 'nonsense', ...multi(LOW, SPAN, { 'x-b3-sampled': '0' }) }, PADDED, false],
  ['jaeger', { 'uber-trace-id': `${TRACE}:${SPAN}:0:1` }, TRACE, true],
  ['jaeger', { 'uber-trace-id': `${TRACE}:f067aa0ba902b7:${SPAN}:00` }, TRACE, false],
  ['jaeger', { 'uber-trace-id': `${TRACE}%3A${SPAN}%3a0%3A3` }, TRACE, true],
  ['jaeger', { 'uber-trace-id': `${LOW.toUpperCase()}:${SPAN}::ff` }, PADDED, true],
  ['xray', { 'x-amzn-trace-id': `Root=1-4bf92f35-${TRACE.slice(8)};Parent=${SPAN};Sampled=1` }, TRACE, true],
  [
    'xray',
    { 'x-amzn-trace-id': `Sampled=0; Lineage=1:2|3;Parent=${SPAN};Root=1-4bf92f35-${TRACE.slice(8)}` },
    TRACE,
    false,
  ],
  ['xray', { 'x-amzn-trace-id': `Root=1-4bf92f35-${TRACE.slice(8)};Parent=${SPAN};Sampled=?` }, TRACE, 'deferred'],
  ['xray', { 'x-amzn-trace-id': `Self=1-0-0;Root=1-4bf92f35-${TRACE.slice(8)};Parent=${SPAN};` }, TRACE, 'deferred'],
];

describe('a caller is read', () => {
  for (const [format, headers, traceId, decision] of GOOD) {
    test(`${format}: ${JSON.stringify(headers)}`, async () => {
      const caller = await read(format, headers);
      assert.deepEqual([caller?.traceId, caller?.spanId], [traceId, SPAN]);
      assert.equal(caller?.isDeferred === true ? 'deferred' : caller?.isSampled, decision);
    });
  }
});

const root = `1-4bf92f35-${TRACE.slice(8)}`;

const BAD: readonly (readonly [format: string, headers: Headers])[] = [
  ...[
    ...['', '-', '2', 'd-', '10', 'true', HUGE, `${TRACE}-${SPAN}-1\0`, `${TRACE}-${SPAN}-2`, `${TRACE}-${SPAN}-`],
    ...[`${TRACE.slice(1)}-${SPAN}-1`, `${TRACE}-${SPAN.slice(1)}-1`, `${TRACE}${SPAN}-1`, `${TRACE}-${SPAN}-1-`],
    ...[`${ZERO}-${SPAN}-1`, `${ZERO.slice(16)}-${SPAN}-1`, `${TRACE}-${ZERO.slice(16)}-1`, TRACE.toUpperCase()],
    ...[`${TRACE}-${SPAN}-1,${TRACE}-${SPAN}-1`, ` ${TRACE}-${SPAN}-1`, `${TRACE}-${SPAN}-1-${SPAN}-1`, '0,0'],
  ].map((b3) => ['b3', { b3 }] as const),
  ...[
    multi(TRACE, ''),
    multi('', SPAN),
    multi(TRACE.slice(1), SPAN),
    multi(ZERO, SPAN),
    multi(TRACE, ZERO.slice(16)),
    multi(`${TRACE},${TRACE}`, SPAN),
    multi(HUGE, SPAN),
    multi(TRACE, `${SPAN}\0`),
    multi(TRACE, SPAN, { 'x-b3-sampled': 'd' }),
    multi(TRACE, SPAN, { 'x-b3-sampled': '1,0' }),
    { 'x-b3-traceid': TRACE },
    { 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' },
    { 'x-b3-flags': '0' },
    { 'x-b3-sampled': 'maybe' },
  ].map((headers) => ['b3multi', headers] as const),
  ...[
    ...['', ':::', `${TRACE}:${SPAN}:0`, `${TRACE}:${SPAN}:0:1:1`, `${TRACE}:${SPAN}:0:100`, `${TRACE}:${SPAN}:0:g`],
    ...[`${TRACE}0:${SPAN}:0:1`, `${TRACE}:${SPAN}0:0:1`, `0:${SPAN}:0:1`, `${TRACE}:0:0:1`, `${TRACE}:${SPAN}:0:1\0`],
    ...[`${TRACE}%${SPAN}%0%1`, `${TRACE}:${SPAN}:0:1, ${TRACE}:${SPAN}:0:1`, HUGE, `${TRACE}:${SPAN}:0:-1`],
  ].map((value) => ['jaeger', { 'uber-trace-id': value }] as const),
  ...[
    ...['', ';', 'Root', `Root=${root}`, `Parent=${SPAN};Sampled=1`, `Root=${root};Parent=${SPAN};Sampled=2`, HUGE],
    ...[`Root=2${root.slice(1)};Parent=${SPAN};Sampled=1`, `Root=${TRACE};Parent=${SPAN};Sampled=1`],
    ...[`Root=${root};Parent=${SPAN.slice(1)};Sampled=1`, `Root=${root};Root=${root};Parent=${SPAN};Sampled=1`],
    ...[`Root=1-00000000-${ZERO.slice(8)};Parent=${SPAN};Sampled=1`, `Root=${root};Parent=${ZERO.slice(16)};Sampled=1`],
    ...[`Root=${root};Parent=${SPAN};Sampled=1,Root=${root};Parent=${SPAN};Sampled=1`, `Root=${root};Parent=${SPAN}\0`],
    ...[`Root=${root};Parent=${SPAN};Sampled=1;Self=1, Root=${root}`],
  ].map((value) => ['xray', { 'x-amzn-trace-id': value }] as const),
];

describe('a malformed header is as if not sent', () => {
  for (const [format, headers] of BAD) {
    const text = JSON.stringify(headers);
    test(`${format}: ${text.length > 200 ? `${text.slice(0, 40)}…` : text}`, async () => {
      assert.equal(await read(format, headers), undefined);
    });
  }
});

describe('b3 without ids decides for a trace that begins here', () => {
  const rows: readonly (readonly [headers: Headers, isSampled: boolean])[] = [
    [{ b3: '0' }, false],
    [{ b3: '1' }, true],
    [{ b3: 'd' }, true],
    [{ 'x-b3-sampled': '0' }, false],
    [{ 'x-b3-flags': '1' }, true],
  ];
  for (const [headers, isSampled] of rows) {
    test(JSON.stringify(headers), async () => {
      const { traceId, spanId, isSampled: decided } = (await read('b3', headers))!;
      assert.deepEqual([traceId, spanId, decided], [undefined, undefined, isSampled]);
    });
  }
});

describe('what a format says besides goes on in that format', () => {
  test('the debug flag of b3 and Jaeger', async () => {
    const b3 = passedOn(await read('b3', { b3: `${TRACE}-${SPAN}-d` }));
    assert.deepEqual(await written('b3', b3), { b3: `${TRACE}-${SPAN}-d` });
    assert.deepEqual(await written('b3multi', b3), multi(TRACE, SPAN, { 'x-b3-flags': '1' }));
    const jaeger = passedOn(await read('jaeger', { 'uber-trace-id': `${TRACE}:${SPAN}:0:3` }));
    assert.deepEqual(await written('jaeger', jaeger), { 'uber-trace-id': `${TRACE}:${SPAN}:0:03` });
  });

  test('a decision that nobody has made', async () => {
    const open = passedOn(await read('b3', { b3: `${TRACE}-${SPAN}` }));
    assert.deepEqual(await written('b3', open), { b3: `${TRACE}-${SPAN}` });
    assert.deepEqual(await written('b3multi', open), multi(TRACE, SPAN));
    assert.deepEqual(await written('xray', open), { 'x-amzn-trace-id': `Root=${root};Parent=${SPAN}` });
    assert.equal((await written('datadog', open))['x-datadog-sampling-priority'], undefined);
  });
});

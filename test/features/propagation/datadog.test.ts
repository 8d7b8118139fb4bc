/** Datadog's headers: decimal ids of 64 bits, the upper half of a trace id in a tag, and four sampling priorities. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Headers, passedOn, read, written } from './propagated.ts';

const UPPER = '640cfd8d00000000';
const LOWER = 'abcdefab12345678';
const SPAN = '0000000000b1a2c3';
const SENT: Headers = {
  'x-datadog-trace-id': '12379814468735227512',
  'x-datadog-parent-id': '11641539',
  'x-datadog-sampling-priority': '2',
  'x-datadog-tags': `_dd.p.tid=${UPPER},_dd.p.dm=-4`,
  'x-datadog-origin': 'synthetics',
};

const without = (name: string): Headers => Object.fromEntries(Object.entries(SENT).filter(([each]) => each !== name));

test('a trace goes on as it came', async () => {
  const caller = await read('datadog', SENT);
  assert.deepEqual([caller?.traceId, caller?.spanId, caller?.isSampled], [UPPER + LOWER, SPAN, true]);
  assert.deepEqual(await written('datadog', passedOn(caller)), SENT);
});

test('an id of 64 bits is padded, and written without a tag', async () => {
  const caller = await read('datadog', without('x-datadog-tags'));
  assert.equal(caller?.traceId, '0'.repeat(16) + LOWER);
  assert.deepEqual(await written('datadog', passedOn(caller)), without('x-datadog-tags'));
});

test('a priority of the caller’s stays unless something else is decided here', async () => {
  for (const [priority, isSampled, then] of [
    ['-1', false, '-1'],
    ['0', false, '0'],
    ['1', true, '1'],
    ['2', false, '0'],
    ['-1', true, '1'],
  ] as const) {
    const caller = await read('datadog', { ...SENT, 'x-datadog-sampling-priority': priority });
    assert.equal(caller?.isSampled, Number(priority) > 0);
    const headers = await written('datadog', { ...passedOn(caller), isSampled });
    assert.equal(headers['x-datadog-sampling-priority'], then);
  }
});

test('any id is read back as it was written', async () => {
  const hex = (digits: number) =>
    fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((id) => /[^0]/.test(id.slice(-16)));
  const check = async (traceId: string, spanId: string, isSampled: boolean): Promise<void> => {
    const context = { traceId, spanId, isSampled, traceState: undefined, parentSpanId: undefined };
    const caller = await read('datadog', await written('datadog', context));
    assert.deepEqual([caller?.traceId, caller?.spanId, caller?.isSampled], [traceId, spanId, isSampled]);
  };
  await fc.assert(fc.asyncProperty(hex(32), hex(16), fc.boolean(), check));
});

describe('a malformed id is as if not sent', () => {
  const ids = [
    '',
    '0',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    'ab',
    '18446744073709551616',
    '9'.repeat(5000),
    '1, 1',
    '1\0',
  ];
  for (const id of ids) {
    test(id.slice(0, 30), async () => {
      assert.equal(await read('datadog', { ...SENT, 'x-datadog-trace-id': id }), undefined);
      assert.equal(await read('datadog', { ...SENT, 'x-datadog-parent-id': id }), undefined);
    });
  }
  test('missing', async () => {
    assert.equal(await read('datadog', without('x-datadog-trace-id')), undefined);
    assert.equal(await read('datadog', without('x-datadog-parent-id')), undefined);
  });
});

describe('the rest may be malformed', () => {
  test('a priority that is none leaves the decision here', async () => {
    for (const priority of ['', '3', '-2', '1.0', 'x', '1, 2', '01']) {
      const caller = await read('datadog', { ...SENT, 'x-datadog-sampling-priority': priority });
      assert.deepEqual([caller?.isDeferred, caller?.isSampled], [true, false], priority);
    }
    assert.equal((await read('datadog', without('x-datadog-sampling-priority')))?.isDeferred, true);
  });

  test('tags', async () => {
    const traceId = async (tags: string) => (await read('datadog', { ...SENT, 'x-datadog-tags': tags }))?.traceId;
    for (const tags of ['', '_dd.p.tid=', '_dd.p.tid=640CFD8D00000000', '_dd.p.tid=1', 'x', `a=${'b'.repeat(512)}`]) {
      assert.equal(await traceId(tags), '0'.repeat(16) + LOWER, tags);
    }
    assert.equal(await traceId(`_dd.p.tid=${UPPER},nonsense,a=b`), UPPER + LOWER);
  });

  test('nothing that splits a header goes on', async () => {
    const evil = { 'x-datadog-tags': 'a=b\r\nx-evil: 1', 'x-datadog-origin': 'rum\r\nx-evil: 1' };
    const headers = await written('datadog', passedOn(await read('datadog', { ...SENT, ...evil })));
    assert.deepEqual([headers['x-datadog-tags'], headers['x-datadog-origin']], [undefined, undefined]);
  });

  test('tags that became too long are dropped, but for the id', async () => {
    const caller = await read('datadog', { ...SENT, 'x-datadog-tags': `a=${'b'.repeat(510)}` });
    const headers = await written('datadog', { ...passedOn(caller), traceId: UPPER + LOWER });
    assert.equal(headers['x-datadog-tags'], `_dd.p.tid=${UPPER}`);
  });
});

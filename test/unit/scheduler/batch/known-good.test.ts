import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import type { TensorMap } from '../../../../src/core/tensor.ts';
import { GoodRequest, KnownGood } from '../../../../src/scheduler/batch/known-good.ts';
import { KNOWN_GOOD_KEPT_MS, MAX_KNOWN_GOOD_BYTES } from '../../../../src/scheduler/tuning.ts';

function inputs(bytes: number): TensorMap {
  return new Map([['x', { dtype: 'uint8', shape: [1, bytes], data: Buffer.alloc(bytes, 7) } as const]]);
}

it('a known good request is a copy: the request’s memory is used again', () => {
  const text = Buffer.from('word');
  const given: TensorMap = new Map([...inputs(3), ['s', { dtype: 'string', shape: [1], data: [text] } as const]]);
  const request = new GoodRequest(given, ['y'], 1);
  (given.get('x')!.data as Buffer).fill(0);
  text.fill(0);
  const kept = request.inputs();
  assert.deepEqual([...(kept.get('x')!.data as Uint8Array)], [7, 7, 7]);
  assert.equal(Buffer.from(kept.get('s')!.data[0] as Uint8Array).toString(), 'word');
  assert.equal(request.isProven, true);
});

it('values that are too many are not kept, small ones beside them are', () => {
  const large = inputs(MAX_KNOWN_GOOD_BYTES + 1).get('x')!;
  const sr = { dtype: 'int64', shape: [], data: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]) } as const;
  const request = new GoodRequest(
    new Map<string, typeof large | typeof sr>([
      ['x', large],
      ['sr', sr],
    ]),
    ['y'],
    1,
  );
  const kept = request.inputs();
  assert.deepEqual(kept.get('x')!.shape, large.shape);
  assert.ok((kept.get('x')!.data as Uint8Array).every((byte) => byte === 0));
  assert.deepEqual(kept.get('sr'), sr);
  assert.equal(request.isProven, false, 'zeros have not been answered yet');
});

it('a request is kept for a while, and replaced at once where it fails', () => {
  const good = new KnownGood();
  const first = new GoodRequest(inputs(1), ['y'], 1);
  assert.ok(good.keepAt <= 0);
  good.keep(first, 0);
  assert.equal(good.request, first);
  assert.equal(good.keepAt, KNOWN_GOOD_KEPT_MS);
  assert.equal(good.onTried(first, 'failed', 5), 'failed');
  assert.equal(good.failedAt, 5);
  assert.ok(good.keepAt <= 5);
});

it('zeros that fail prove nothing, until they have been answered once', () => {
  const good = new KnownGood();
  const request = new GoodRequest(inputs(MAX_KNOWN_GOOD_BYTES + 1), ['y'], 1);
  assert.equal(good.onTried(request, 'failed', 1), 'unknown');
  assert.equal(good.failedAt, -Infinity);
  assert.equal(good.onTried(request, 'alive', 2), 'alive');
  assert.equal(good.onTried(request, 'failed', 3), 'failed');
});

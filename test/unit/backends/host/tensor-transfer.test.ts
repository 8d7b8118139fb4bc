import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BufferPool } from '../../../../src/backends/host/buffer-pool.ts';
import { buffersOf, packTensors, unpackTensors } from '../../../../src/backends/host/tensor-transfer.ts';
import type { Tensor, TensorMap } from '../../../../src/core/tensor.ts';

describe('tensors that cross a thread', () => {
  it('arrive as they were, whatever memory they lie in', () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    const numeric = fc.record({ data: bytes, place: fc.constantFrom('own', 'view', 'pooled') });
    const anyTensor = fc.oneof(numeric, fc.array(bytes, { maxLength: 6 }));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), anyTensor, { maxKeys: 4 }), (recipe) => {
        const pool = new BufferPool();
        const tensors = new Map<string, Tensor>();
        for (const [name, value] of Object.entries(recipe)) {
          if (Array.isArray(value)) tensors.set(name, { dtype: 'string', shape: [value.length], data: value });
          else
            tensors.set(name, {
              dtype: 'uint8',
              shape: [value.data.length],
              data: placed(value.data, value.place, pool),
            });
        }
        const expected = contents(tensors);
        assert.deepEqual(contents(send(tensors, pool)), expected);
      }),
    );
  });

  it('move lent memory and copy any other', () => {
    const pool = new BufferPool();
    const lent = new Uint8Array(pool.allocate(8), 0, 8);
    const foreign = new Uint8Array(8);
    send(new Map([uint8('lent', lent), uint8('foreign', foreign)]), pool);
    assert.equal(lent.byteLength, 0);
    assert.equal(foreign.byteLength, 8);
  });

  it('may share one lent buffer', () => {
    const pool = new BufferPool();
    const shared = pool.allocate(8);
    new Uint8Array(shared).set([1, 2, 3, 4]);
    const tensors = new Map([uint8('a', new Uint8Array(shared, 0, 2)), uint8('b', new Uint8Array(shared, 2, 2))]);
    assert.deepEqual(contents(send(tensors, pool)), [
      ['a', 'uint8', [2], ['0102']],
      ['b', 'uint8', [2], ['0304']],
    ]);
  });
});

function uint8(name: string, data: Uint8Array): [string, Tensor] {
  return [name, { dtype: 'uint8', shape: [data.length], data }];
}

function send(tensors: TensorMap, pool: BufferPool): TensorMap {
  const packed = packTensors(tensors, pool);
  return unpackTensors(structuredClone(packed, { transfer: buffersOf(packed) }));
}

function placed(data: Uint8Array, place: string, pool: BufferPool): Uint8Array {
  if (place === 'own') return new Uint8Array(data);
  if (place === 'view') return Buffer.concat([Buffer.from([9]), data]).subarray(1);
  const view = new Uint8Array(pool.allocate(data.length), 0, data.length);
  view.set(data);
  return view;
}

function contents(tensors: TensorMap): unknown[] {
  return [...tensors].map(([name, { dtype, shape, data }]) => [
    name,
    dtype,
    shape,
    (data instanceof Uint8Array ? [data] : data).map((bytes) => Buffer.from(bytes).toString('hex')),
  ]);
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { elementCount } from '../../../src/core/shape.ts';
import type { Signature } from '../../../src/core/signature.ts';
import { findFrames } from '../../../src/features/row-proofs/probe-frames.ts';
import { ProbeLayout } from '../../../src/features/row-proofs/probe-layout.ts';
import { rowAt, stackRows } from '../../../src/features/row-proofs/row-tensors.ts';
import { randomOf, randomTensor } from '../../../src/models/warm-up/random-rows.ts';

function signatureOf(shape: readonly number[]): Signature {
  const x = { dtype: 'string', shape, tensorName: 'x' } as const;
  return { inputs: new Map([['x', x]]), outputs: new Map(), methodName: '', batchAxis: { kind: 'dynamic' } };
}

describe('the shapes of probe rows', () => {
  it('are tried up to a bound of their elements, however many dims are free', async () => {
    for (const free of [1, 3, 9, 40]) {
      const counts: number[] = [];
      await findFrames(
        new ProbeLayout(signatureOf(new Array(free + 1).fill(-1))),
        undefined,
        randomOf(1),
        async (frame) => {
          counts.push(elementCount(frame.shapes.get('x')!));
          return undefined;
        },
      );
      assert.ok(counts.length > 0, 'none was tried');
      assert.ok(Math.max(...counts) <= 2 ** 14, `${Math.max(...counts)} strings`);
    }
  });

  it('are none where a row is huge', async () => {
    const layout = new ProbeLayout(signatureOf([-1, 3000, 1000]));
    assert.deepEqual(await findFrames(layout, undefined, randomOf(1), () => assert.fail('it was tried')), []);
  });
});

describe('rows of many strings', () => {
  it('are drawn, joined and cut', () => {
    const spec = { dtype: 'string', shape: [-1, 300_000], tensorName: 'x' } as const;
    const row = randomTensor('x', spec, [1, 300_000], { floats: 'unit', integersBelow: 2 }, randomOf(1));
    const joined = stackRows([row, row], 0);
    assert.deepEqual(joined.shape, [2, 300_000]);
    assert.deepEqual(rowAt(joined, 1, 0), row);
  });
});

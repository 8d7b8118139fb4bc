import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TensorSpec } from '../../../src/core/signature.ts';
import { MAX_TRIAL_BYTES, trialBytes, trialZeros } from '../../../src/core/trial-inputs.ts';

const spec = (dtype: TensorSpec['dtype'], shape: readonly number[]): TensorSpec => ({ dtype, shape, tensorName: 'x' });

describe('inputs of a trial', () => {
  it('are zeros, with 1 for free dims', () => {
    const tensors = trialZeros(new Map([['x', spec('float32', [-1, 2])]]))!;
    assert.deepEqual(tensors.get('x'), { dtype: 'float32', shape: [1, 2], data: new Uint8Array(8) });
  });

  it('are counted before they are made, all together', () => {
    const half = spec('uint8', [MAX_TRIAL_BYTES / 2]);
    assert.ok(
      trialZeros(
        new Map([
          ['a', half],
          ['b', half],
        ]),
      ) !== undefined,
    );
    assert.equal(
      trialZeros(
        new Map([
          ['a', half],
          ['b', half],
          ['c', spec('bool', [])],
        ]),
      ),
      undefined,
    );
    assert.equal(trialZeros(new Map([['a', spec('float32', new Array(300).fill(1e9))]])), undefined);
  });

  it('count strings by what they hold, not by their text', () => {
    assert.ok(trialBytes('string', [1000]) >= 1000 * 100);
    assert.equal(trialZeros(new Map([['a', spec('string', [8, 224, 224])]])), undefined);
  });
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { featureDetail } from '../../../src/admin/feature-detail.ts';
import type { FeatureSpec } from '../../../src/core/feature-spec.ts';
import { FLOAT16, toSmallFloat } from '../../../src/core/small-float.ts';
import { numericTensor, stringTensor, type Tensor } from '../../../src/core/tensor.ts';

function spec(changes: Partial<FeatureSpec>): FeatureSpec {
  const usual = { name: 'f', input: 'x', kind: 'float32', dtype: 'float32', shape: [2], filler: undefined } as const;
  return { ...usual, isText: false, ...changes };
}

const defaultOf = (filler: Tensor): unknown => featureDetail(spec({ dtype: filler.dtype, filler })).default;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

it('a feature without a default must be there; one of any number of rows need not', () => {
  assert.deepEqual(featureDetail(spec({})), { name: 'f', kind: 'float32', shape: [2], is_optional: false });
  assert.equal(featureDetail(spec({ shape: [-1] })).is_optional, true);
});

it('a default is one value where all are the same, else all of them', () => {
  assert.equal(defaultOf(numericTensor('float32', [2], Float32Array.of(0.1, 0.1))), 0.1);
  assert.deepEqual(defaultOf(numericTensor('float64', [2], Float64Array.of(1, 2.5))), [1, 2.5]);
  assert.deepEqual(defaultOf(stringTensor([2], [bytes(97), bytes(98)])), ['a', 'b']);
});

it('a default that JSON cannot hold is text, or is not told', () => {
  assert.equal(defaultOf(numericTensor('int64', [1], BigInt64Array.of(7n))), 7);
  assert.equal(defaultOf(numericTensor('int64', [1], BigInt64Array.of(2n ** 60n))), '1152921504606846976');
  assert.equal(defaultOf(numericTensor('float32', [1], Float32Array.of(NaN))), 'NaN');
  assert.equal(defaultOf(numericTensor('float16', [1], Uint16Array.of(toSmallFloat(FLOAT16, 0.5)))), 0.5);
  assert.equal(defaultOf(stringTensor([1], [bytes(0xff)])), undefined);
  assert.equal(defaultOf(numericTensor('float32', [2000], new Float32Array(2000))), undefined);
  assert.equal(defaultOf(numericTensor('float32', [0], new Float32Array(0))), undefined);
});

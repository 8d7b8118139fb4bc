import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LengthPadding, Signature, TensorSpec } from '../../../../src/core/signature.ts';
import { numericTensor } from '../../../../src/core/tensor.ts';
import { paddingCandidate } from '../../../../src/features/row-proofs/padding/padding-candidate.ts';
import type { PadValues } from '../../../../src/models/model-file/declare-padding.ts';
import { LENGTH_SIGNATURE } from '../../../support/length-models.ts';

const NONE: PadValues = new Map();

function spec(dtype: TensorSpec['dtype'], dims: readonly (number | string)[], areNamed = true): TensorSpec {
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : -1));
  const dimNames = dims.map((dim) => (typeof dim === 'number' ? '' : dim));
  return { dtype, shape, tensorName: '', ...(areNamed && { dimNames }) };
}

function signature(inputs: Record<string, TensorSpec>, outputs: Record<string, TensorSpec>): Signature {
  return { ...LENGTH_SIGNATURE, inputs: new Map(Object.entries(inputs)), outputs: new Map(Object.entries(outputs)) };
}

const IDS = spec('int64', ['batch', 'sequence']);
const POOLED = spec('float32', ['batch', 384]);

function refusal(of: Signature, values = NONE): string {
  const found = paddingCandidate(of, values);
  assert.equal(typeof found, 'string');
  return found as string;
}

describe('paddingCandidate', () => {
  it('finds the length in inputs and outputs, and pads integers with 0', () => {
    const { inputs, outputs } = paddingCandidate(LENGTH_SIGNATURE, NONE) as LengthPadding;
    const value = { dtype: 'int64', shape: [], data: new Uint8Array(8) };
    assert.deepEqual(
      [...inputs],
      [
        ['ids', { dims: [1], value }],
        ['mask', { dims: [1], value }],
      ],
    );
    assert.deepEqual([...outputs], [['hidden', [1]]]);
  });

  it('finds it at several dims of a tensor', () => {
    const square = spec('bool', ['batch', 1, 'sequence', 'sequence']);
    const { inputs, outputs } = paddingCandidate(
      signature({ ids: IDS, square }, { scores: spec('float32', ['batch', 'sequence', 2, 'sequence']) }),
      NONE,
    ) as LengthPadding;
    assert.deepEqual(inputs.get('square')?.dims, [2, 3]);
    assert.deepEqual(outputs.get('scores'), [1, 3]);
  });

  it('takes dims without names as one length, if no output has it', () => {
    const ids = spec('int32', ['', ''], false);
    const found = paddingCandidate(signature({ ids, mask: ids }, { pooled: POOLED }), NONE) as LengthPadding;
    assert.deepEqual([[...found.inputs.keys()], found.outputs.size], [['ids', 'mask'], 0]);
    assert.match(
      refusal(signature({ ids }, { y: spec('float32', ['', ''], false) })),
      /^dim 1 of output "y" is free and the length of the inputs has no name, so nothing tells how to cut it back$/,
    );
  });

  it('has nothing to pad where rows have one shape', () => {
    assert.equal(
      paddingCandidate(signature({ x: spec('float32', ['batch', 4]) }, { pooled: POOLED }), NONE),
      undefined,
    );
  });

  it('refuses an output whose free dim is not tied to the length', () => {
    for (const name of ['', 'other']) {
      const text = refusal(signature({ ids: IDS }, { y: spec('float32', ['batch', name]) }));
      assert.match(text, /dim 1 of output "y" is free and it is not named "sequence"/);
    }
  });

  it('refuses several lengths', () => {
    const text = refusal(signature({ ids: IDS, past: spec('int64', ['batch', 'past']) }, { pooled: POOLED }));
    assert.match(text, /free dims of several names \("sequence", "past"\), but only one length can be padded/);
    assert.match(
      refusal(signature({ ids: IDS, past: spec('int64', ['', ''], false) }, { pooled: POOLED })),
      /\("sequence", one without a name\)/,
    );
  });

  it('refuses floats and strings unless a value is given', () => {
    for (const dtype of ['float32', 'float16', 'string'] as const) {
      const text = refusal(signature({ x: spec(dtype, ['batch', 'T', 80]) }, { pooled: POOLED }));
      assert.match(
        text,
        new RegExp(`what to pad input "x" \\(${dtype}\\) with; declare it as "batching: \\{pad_values: \\{x: …`),
      );
    }
    const value = numericTensor('float32', [], Float32Array.of(-1));
    const given = paddingCandidate(
      signature({ x: spec('float32', ['batch', 'T', 80]) }, { pooled: POOLED }),
      new Map([['x', value]]),
    ) as LengthPadding;
    assert.deepEqual(given.inputs.get('x'), { dims: [1], value });
  });

  it('refuses tensors of any rank, and rows that are elsewhere', () => {
    const any: TensorSpec = { dtype: 'float32', shape: undefined, tensorName: '' };
    assert.match(refusal(signature({ ids: IDS }, { y: any })), /"y" may have any rank/);
    const elsewhere = { ...signature({ ids: IDS }, { pooled: POOLED }), batchAxes: new Map([['pooled', 1]]) };
    assert.match(refusal(elsewhere), /rows are not at dim 0 of everything/);
  });
});

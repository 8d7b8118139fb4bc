import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytesPerElement, DTYPES, type DType } from '../../src/core/dtype.ts';
import { elementCount } from '../../src/core/shape.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { checkOutputs, mergeInputs, misfitOf, sliceOutputs } from '../../src/scheduler/batch/batch-assembly.ts';
import { cutInputs, JoinedOutputs } from '../../src/scheduler/queue/pending-request.ts';
import { looseTask } from '../support/loose-task.ts';
import { PuppetExecutor } from '../support/puppet-executor.ts';

interface InputSpec {
  readonly dtype: DType;
  /** Beside dim 0. */
  readonly rest: readonly number[];
}

const inputSpec: fc.Arbitrary<InputSpec> = fc.record({
  dtype: fc.constantFrom(...DTYPES),
  rest: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
});
const specs = fc.array(inputSpec, { minLength: 1, maxLength: 3 });
const rowCounts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 });

/** Bytes that differ everywhere, so that a row in the wrong place is seen. */
function makeCounter(): () => number {
  let next = 0;
  return () => {
    next = (next * 31 + 7) % 65_521;
    return next & 0xff;
  };
}

function tensorOf({ dtype, rest }: InputSpec, rows: number, nextByte: () => number): Tensor {
  const shape = [rows, ...rest];
  const count = elementCount(shape);
  if (dtype === 'string') {
    return { dtype, shape, data: Array.from({ length: count }, () => Uint8Array.from([nextByte(), nextByte()])) };
  }
  // One byte further than aligned, as in the middle of a request's body.
  const body = new Uint8Array(1 + count * bytesPerElement(dtype)).map(nextByte);
  return { dtype, shape, data: body.subarray(1) };
}

function inputsOf(list: readonly InputSpec[], rows: number, nextByte: () => number): TensorMap {
  return new Map(list.map((spec, i) => [`i${i}`, tensorOf(spec, rows, nextByte)]));
}

/** A tensor's contents, wherever its bytes are. */
function plain(tensor: Tensor): unknown {
  const data = tensor.dtype === 'string' ? tensor.data.map((e) => [...e]) : [...tensor.data];
  return { dtype: tensor.dtype, shape: tensor.shape, data };
}

function plainMap(tensors: TensorMap): unknown {
  return [...tensors].map(([name, tensor]) => [name, plain(tensor)]);
}

describe('Merging and cutting again', () => {
  it('gives each member its own rows back, whatever the dtypes, shapes and padding', () => {
    fc.assert(
      fc.property(specs, rowCounts, fc.nat(5), (list, counts, padding) => {
        const nextByte = makeCounter();
        const members = counts.map((rows) => looseTask(rows, 0, inputsOf(list, rows, nextByte)));
        const names = list.map((_, i) => `i${i}`);
        const size = counts.reduce((sum, rows) => sum + rows, 0) + padding;
        const inputs = mergeInputs(members, { inputNames: names, size }, new PuppetExecutor());
        checkOutputs(inputs, names);
        assert.equal(misfitOf(inputs, names, size, undefined), undefined);
        for (const tensor of inputs.values()) assertFilled(tensor);
        let row = 0;
        for (const member of members) {
          const slice = sliceOutputs(inputs, names, row, row + member.rows);
          assert.deepEqual(plainMap(slice), plainMap(member.inputs));
          row += member.rows;
        }
      }),
    );
  });
});

describe('Cutting and joining again', () => {
  it('gives the request back, wherever it is cut', () => {
    fc.assert(
      fc.property(specs, rowCounts, (list, counts) => {
        const rows = counts.reduce((sum, count) => sum + count, 0);
        const inputs = inputsOf(list, rows, makeCounter());
        let start = 0;
        const joined = new JoinedOutputs(rows);
        for (const count of counts) {
          joined.add(cutInputs(inputs, start, start + count), start);
          start += count;
        }
        assert.deepEqual(plainMap(joined.tensors), plainMap(inputs));
      }),
    );
  });
});

function assertFilled(tensor: Tensor): void {
  const perElement = tensor.dtype === 'string' ? 1 : bytesPerElement(tensor.dtype);
  assert.equal(tensor.data.length, elementCount(tensor.shape) * perElement);
}

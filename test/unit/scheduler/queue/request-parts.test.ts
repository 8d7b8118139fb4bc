import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { numericTensor, stringTensor, type Tensor, type TensorMap } from '../../../../src/core/tensor.ts';
import { checkPartCount, cutInputs, JoinedOutputs } from '../../../../src/scheduler/queue/pending-request.ts';
import { bufferOf, floats } from '../../../support/scheduler-harness.ts';

const y = (...values: number[]): TensorMap =>
  new Map([['y', numericTensor('float32', [values.length, 1], Float32Array.from(values))]]);

describe('cutInputs', () => {
  it('cuts every input at the same rows, without a copy', () => {
    const x = numericTensor('float32', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
    const text = stringTensor(
      [3],
      ['a', 'b', 'c'].map((t) => new TextEncoder().encode(t)),
    );
    const part = cutInputs(
      new Map<string, Tensor>([
        ['x', x],
        ['text', text],
      ]),
      1,
      3,
    );
    assert.deepEqual(part.get('x')?.shape, [2, 2]);
    assert.deepEqual(floats(part.get('x')), [3, 4, 5, 6]);
    assert.equal(bufferOf(part.get('x')), x.data.buffer);
    assert.deepEqual(part.get('text')?.data, text.data.slice(1));
  });
});

/** Parts of so many rows each, joined in the order in which they are given. */
function join(rows: number, ...parts: readonly (readonly [part: TensorMap, start: number])[]): TensorMap {
  const joined = new JoinedOutputs(rows);
  for (const [part, start] of parts) joined.add(part, start);
  return joined.tensors;
}

describe('JoinedOutputs', () => {
  it('joins parts in their order, in whatever order they come', () => {
    const joined = join(5, [y(4, 5), 3], [y(1, 2), 0], [y(3), 2]);
    assert.deepEqual(joined.get('y')?.shape, [5, 1]);
    assert.deepEqual(floats(joined.get('y')), [1, 2, 3, 4, 5]);
  });

  it('joins strings', () => {
    const part = (...values: string[]): TensorMap =>
      new Map([
        [
          's',
          stringTensor(
            [values.length],
            values.map((v) => new TextEncoder().encode(v)),
          ),
        ],
      ]);
    const joined = join(3, [part('a', ''), 0], [part('b'), 2]);
    assert.deepEqual(
      joined.get('s'),
      stringTensor(
        [3],
        ['a', '', 'b'].map((v) => new TextEncoder().encode(v)),
      ),
    );
  });

  it('refuses parts that are no one tensor', () => {
    const wide: TensorMap = new Map([['y', numericTensor('float32', [1, 2], Float32Array.of(1, 2))]]);
    const whole: TensorMap = new Map([['y', numericTensor('int32', [1, 1], Int32Array.of(1))]]);
    const error = { kind: 'backend_failed', message: /output "y" is float32 \[1,1\] .* float32 \[1,2\]/ };
    assert.throws(() => join(2, [y(1), 0], [wide, 1]), error);
    assert.throws(() => join(2, [y(1), 0], [whole, 1]), { kind: 'backend_failed', message: /int32/ });
  });
});

describe('checkPartCount', () => {
  it('bounds the runs that one request may ask for', () => {
    checkPartCount(10_000 * 64, 64);
    checkPartCount(1, 64);
    assert.throws(() => checkPartCount(10_000 * 64 + 1, 64), { kind: 'too_large', message: /at most 640000 rows/ });
    assert.throws(() => checkPartCount(2 ** 52, 64), { kind: 'too_large' });
  });
});

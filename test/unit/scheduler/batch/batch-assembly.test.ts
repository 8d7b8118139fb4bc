import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { BatchAxes } from '../../../../src/core/signature.ts';
import {
  type NumericTensor,
  numericTensor,
  type StringTensor,
  stringTensor,
  type Tensor,
  type TensorMap,
} from '../../../../src/core/tensor.ts';
import {
  checkOutputs,
  mergeInputs,
  misfitOf,
  releaseInputs,
  sliceOutputs,
} from '../../../../src/scheduler/batch/batch-assembly.ts';
import type { Task } from '../../../../src/scheduler/task.ts';
import { IN_PLACE_BYTES } from '../../../../src/scheduler/tuning.ts';
import { looseTask } from '../../../support/loose-task.ts';
import { PuppetExecutor } from '../../../support/puppet-executor.ts';
import { bufferOf, floats } from '../../../support/scheduler-harness.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (tensor: Tensor | undefined): string[] =>
  (tensor as StringTensor).data.map((element) => new TextDecoder().decode(element));

/** Rows of two numbers each, at an odd address as a request's body has them. */
function numbers(...values: number[]): Task {
  const unaligned = new Uint8Array(1 + values.length * 4);
  unaligned.set(new Uint8Array(Float32Array.from(values).buffer), 1);
  const tensor: Tensor = { dtype: 'float32', shape: [values.length / 2, 2], data: unaligned.subarray(1) };
  return looseTask(values.length / 2, 0, new Map([['x', tensor]]));
}

function strings(...values: string[]): Task {
  return looseTask(values.length / 2, 0, new Map([['x', stringTensor([values.length / 2, 2], values.map(bytes))]]));
}

const layout = (size: number | undefined) => ({ inputNames: ['x'], size });

describe('mergeInputs', () => {
  it('copies the rows of all members into one buffer, in their order', () => {
    const executor = new PuppetExecutor();
    const inputs = mergeInputs([numbers(1, 2), numbers(3, 4, 5, 6)], layout(3), executor);
    const x = inputs.get('x');
    assert.deepEqual(x?.shape, [3, 2]);
    assert.deepEqual(floats(x), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual([...executor.loaned], [bufferOf(x)]);
  });

  it('pads with the first row of the last member', () => {
    const inputs = mergeInputs([numbers(1, 2), numbers(3, 4, 5, 6)], layout(6), new PuppetExecutor());
    assert.deepEqual(inputs.get('x')?.shape, [6, 2]);
    assert.deepEqual(floats(inputs.get('x')), [1, 2, 3, 4, 5, 6, 3, 4, 3, 4, 3, 4]);
  });

  it('joins and pads strings without touching their bytes', () => {
    const executor = new PuppetExecutor();
    const inputs = mergeInputs([strings('a', 'b'), strings('c', 'd', 'e', 'f')], layout(5), executor);
    assert.deepEqual(inputs.get('x')?.shape, [5, 2]);
    assert.deepEqual(texts(inputs.get('x')), ['a', 'b', 'c', 'd', 'e', 'f', 'c', 'd', 'c', 'd']);
    assert.equal(executor.loaned.size, 0);
  });

  it('copies a lone member too: its bytes are the request’s', () => {
    const task = numbers(1, 2);
    const inputs = mergeInputs([task], layout(1), new PuppetExecutor());
    assert.notEqual(bufferOf(inputs.get('x')), bufferOf(task.inputs.get('x')));
    assert.deepEqual(floats(inputs.get('x')), [1, 2]);
  });

  describe('of a lone large member', () => {
    const inline = (): PuppetExecutor => Object.assign(new PuppetExecutor(), { isInline: true });
    /** A row of so many floats, at `offset` in its memory. */
    const image = (offset: number, bytes = IN_PLACE_BYTES): Task => {
      const data = new Uint8Array(new ArrayBuffer(offset + bytes), offset);
      data.fill(7);
      return looseTask(1, 0, new Map([['x', { dtype: 'float32', shape: [1, bytes / 4], data }]]));
    };
    const isCopied = (members: readonly Task[], size: number | undefined, executor: PuppetExecutor): boolean => {
      const inputs = mergeInputs(members, layout(size), executor);
      const { data } = inputs.get('x') as NumericTensor;
      assert.ok(data.every((byte) => byte === 7));
      const isOfExecutor = executor.loaned.has(data.buffer as ArrayBuffer);
      assert.equal(data.buffer !== bufferOf(members[0]!.inputs.get('x')), isOfExecutor);
      releaseInputs(inputs, executor);
      assert.equal(executor.loaned.size, 0);
      return isOfExecutor;
    };

    it('takes its own tensor where an inline executor can read it in place', () => {
      for (const offset of [0, 8, 64]) assert.equal(isCopied([image(offset)], 1, inline()), false);
      assert.equal(isCopied([image(8)], undefined, inline()), false, 'run whole');
    });

    it('copies it where it is not aligned, or padded, or small, or beside another', () => {
      for (let offset = 1; offset < 8; offset++) assert.equal(isCopied([image(offset)], 1, inline()), true);
      assert.equal(isCopied([image(0)], 2, inline()), true);
      assert.equal(isCopied([image(0, IN_PLACE_BYTES - 4)], 1, inline()), true);
      assert.equal(isCopied([image(0), image(0)], 2, inline()), true);
    });

    it('copies it for an executor that moves its buffers, or sends them to another server', () => {
      assert.equal(isCopied([image(0)], 1, new PuppetExecutor()), true);
      assert.equal(isCopied([image(0)], 1, Object.assign(inline(), { isElsewhere: true })), true);
    });
  });

  it('copies what is run whole as it came, scalars too', () => {
    const scalar = numericTensor('float32', [], Float32Array.of(7));
    const inputs = mergeInputs([looseTask(1, 0, new Map([['x', scalar]]))], layout(undefined), new PuppetExecutor());
    assert.deepEqual(inputs.get('x')?.shape, []);
    assert.deepEqual(floats(inputs.get('x')), [7]);
  });

  it('merges rows without bytes', () => {
    const task = looseTask(2, 0, new Map([['x', numericTensor('float32', [2, 0], new Float32Array(0))]]));
    const inputs = mergeInputs([task], layout(4), new PuppetExecutor());
    assert.deepEqual(inputs.get('x')?.shape, [4, 0]);
    const text = looseTask(2, 0, new Map([['x', stringTensor([2, 0], [])]]));
    assert.deepEqual(mergeInputs([text], layout(4), new PuppetExecutor()).get('x')?.data, []);
  });

  it('releases what it had allocated when the allocator fails', () => {
    const executor = new PuppetExecutor();
    const tensor = numericTensor('float32', [1], Float32Array.of(1));
    const task = looseTask(
      1,
      0,
      new Map([
        ['a', tensor],
        ['b', tensor],
      ]),
    );
    let calls = 0;
    const failing = {
      allocate(byteLength: number): ArrayBuffer {
        calls += 1;
        if (calls === 2) throw new ServingError('overloaded', 'no memory');
        return executor.allocate(byteLength);
      },
      release: (buffer: ArrayBuffer) => executor.release(buffer),
    };
    assert.throws(() => mergeInputs([task], { inputNames: ['a', 'b'], size: 1 }, failing), { message: 'no memory' });
    assert.equal(executor.loaned.size, 0);
  });
});

describe('checkOutputs', () => {
  const outputs: TensorMap = new Map([
    ['good', numericTensor('float32', [3, 1], new Float32Array(3))],
    ['scalar', numericTensor('float32', [], new Float32Array(1))],
    ['short', numericTensor('float32', [2, 1], new Float32Array(2))],
  ]);

  it('asks for presence', () => {
    checkOutputs(outputs, ['scalar', 'short']);
    assert.throws(() => checkOutputs(outputs, ['good', 'missing']), {
      kind: 'backend_failed',
      message: /no output "missing"/,
    });
  });

  it('is followed by a look at the rows', () => {
    assert.equal(misfitOf(outputs, ['good'], 3, undefined), undefined);
    assert.equal(misfitOf(outputs, ['good'], 1, new Map([['good', 1]])), undefined);
    const misfit = (name: string, axes?: BatchAxes): string => misfitOf(outputs, ['good', name], 3, axes) ?? '';
    assert.match(misfit('scalar'), /output "scalar" has shape \[\] in a run of 3 rows, so dim 0 is not its batch axis/);
    assert.match(misfit('short'), /output "short" has shape \[2,1\]/);
    assert.match(misfit('short', new Map([['short', 1]])), /so dim 1 is not its batch axis/);
    assert.match(misfit('short', new Map([['short', 4]])), /so dim 4 is not its batch axis/);
  });
});

describe('sliceOutputs', () => {
  it('gives the wanted outputs in the order wanted, as views', () => {
    const y = numericTensor('float32', [3, 1], Float32Array.of(1, 2, 3));
    const z = stringTensor([3], ['a', 'b', 'c'].map(bytes));
    const slice = sliceOutputs(
      new Map<string, Tensor>([
        ['y', y],
        ['extra', y],
        ['z', z],
      ]),
      ['z', 'y'],
      1,
      3,
    );
    assert.deepEqual([...slice.keys()], ['z', 'y']);
    assert.deepEqual(floats(slice.get('y')), [2, 3]);
    assert.equal(bufferOf(slice.get('y')), y.data.buffer);
    assert.deepEqual(texts(slice.get('z')), ['b', 'c']);
  });
});

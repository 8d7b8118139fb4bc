/**
 * Batches along any dims, with inputs that must be the same: each request gets what it gets alone. The model of the test
 * works row by row, and its code has nothing in common with the scheduler's: it looks at one element at a time.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytesPerElement, DTYPES, type DType } from '../../src/core/dtype.ts';
import { elementCount } from '../../src/core/shape.ts';
import type { Signature, TensorSpec } from '../../src/core/signature.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { SchedulerHarness, type Submitted, settle } from '../support/scheduler-harness.ts';

interface InputShape {
  readonly dtype: DType;
  /** The dims of one row. */
  readonly row: readonly number[];
  /** Where the rows are in the input and in its output; undefined = the input is the same for all. */
  readonly axis: number | undefined;
  readonly outputAxis: number;
}

const inputShape: fc.Arbitrary<InputShape> = fc
  .record({
    dtype: fc.constantFrom(...DTYPES),
    row: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
    axis: fc.nat(3),
    outputAxis: fc.nat(3),
    isSame: fc.boolean(),
  })
  .map(({ isSame, row, axis, outputAxis, dtype }) => ({
    dtype,
    row,
    axis: isSame ? undefined : Math.min(axis, row.length),
    outputAxis: Math.min(outputAxis, row.length),
  }));

const models = fc
  .array(inputShape, { minLength: 1, maxLength: 4 })
  .filter((shapes) => shapes.some(({ axis }) => axis !== undefined));

/** Rows, and which of the values of the inputs that must be the same. */
const requests = fc.array(fc.record({ rows: fc.integer({ min: 1, max: 9 }), value: fc.nat(2) }), {
  minLength: 1,
  maxLength: 8,
});

const limits = fc.constantFrom<{ readonly maxBatchSize: number; readonly allowedBatchSizes: readonly number[] }>(
  { maxBatchSize: 4, allowedBatchSizes: [] },
  { maxBatchSize: 64, allowedBatchSizes: [] },
  { maxBatchSize: 8, allowedBatchSizes: [3, 8] },
  { maxBatchSize: 1, allowedBatchSizes: [] },
);

const withRows = (row: readonly number[], axis: number, rows: number): number[] => row.toSpliced(axis, 0, rows);

function signatureOf(shapes: readonly InputShape[], size: number | undefined): Signature {
  const inputs = new Map<string, TensorSpec>();
  const outputs = new Map<string, TensorSpec>();
  const batchAxes = new Map<string, number | 'same'>();
  for (const [i, { dtype, row, axis, outputAxis }] of shapes.entries()) {
    const shape = axis === undefined ? row : withRows(row, axis, size ?? -1);
    inputs.set(`i${i}`, { dtype, shape, tensorName: `i${i}` });
    batchAxes.set(`i${i}`, axis ?? 'same');
    if (axis === undefined) continue;
    outputs.set(`o${i}`, { dtype, shape: withRows(row, outputAxis, -1), tensorName: `o${i}` });
    batchAxes.set(`o${i}`, outputAxis);
  }
  const batchAxis = size === undefined ? ({ kind: 'dynamic' } as const) : ({ kind: 'fixed', size } as const);
  return { inputs, outputs, methodName: 'tensorflow/serving/predict', batchAxis, batchAxes };
}

/** Each element by its index, as a list of bytes. */
function elementsOf(tensor: Tensor): number[][] {
  if (tensor.dtype === 'string') return tensor.data.map((each) => [...each]);
  const size = bytesPerElement(tensor.dtype);
  return Array.from({ length: elementCount(tensor.shape) }, (_, i) => [
    ...tensor.data.subarray(i * size, (i + 1) * size),
  ]);
}

function tensorOf(dtype: DType, shape: readonly number[], list: readonly (readonly number[])[]): Tensor {
  if (dtype === 'string') return { dtype, shape, data: list.map((each) => Uint8Array.from(each)) };
  return { dtype, shape, data: Uint8Array.from(list.flat()) };
}

function indexOf(shape: readonly number[], at: readonly number[]): number {
  return at.reduce((index, position, dim) => index * shape[dim]! + position, 0);
}

function* positionsIn(shape: readonly number[]): Iterable<number[]> {
  for (let index = 0; index < elementCount(shape); index++) {
    const at: number[] = [];
    for (let dim = shape.length - 1, rest = index; dim >= 0; dim--) {
      at.unshift(rest % shape[dim]!);
      rest = Math.floor(rest / shape[dim]!);
    }
    yield at;
  }
}

/** Row r of each output is row r of its input, with each byte changed by the values that must be the same. */
function runModel(shapes: readonly InputShape[], inputs: TensorMap): TensorMap {
  let key = 1;
  for (const [i, { axis }] of shapes.entries()) {
    if (axis !== undefined) continue;
    for (const byte of elementsOf(inputs.get(`i${i}`)!).flat()) key = (key * 31 + byte) % 251;
  }
  const outputs = new Map<string, Tensor>();
  for (const [i, { axis, outputAxis, dtype }] of shapes.entries()) {
    if (axis === undefined) continue;
    const input = inputs.get(`i${i}`)!;
    const given = elementsOf(input);
    const rows = input.shape[axis]!;
    const shape = withRows(input.shape.toSpliced(axis, 1), outputAxis, rows);
    const list: number[][] = [];
    for (const at of positionsIn(shape)) {
      const from = at.toSpliced(outputAxis, 1).toSpliced(axis, 0, at[outputAxis]!);
      list.push(given[indexOf(input.shape, from)]!.map((byte) => byte ^ key));
    }
    outputs.set(`o${i}`, tensorOf(dtype, shape, list));
  }
  return outputs;
}

/** Bytes that differ everywhere, so that a row in the wrong place is seen. */
function makeCounter(seed = 0): () => number {
  let next = seed;
  return () => {
    next = (next * 31 + 7) % 65_521;
    return next & 0xff;
  };
}

function inputsOf(shapes: readonly InputShape[], rows: number, value: number, nextByte: () => number): TensorMap {
  const sameByte = makeCounter(1000 * value);
  const inputs = new Map<string, Tensor>();
  for (const [i, { dtype, row, axis }] of shapes.entries()) {
    const shape = axis === undefined ? row : withRows(row, axis, rows);
    const byte = axis === undefined ? sameByte : nextByte;
    const size = dtype === 'string' ? 2 : bytesPerElement(dtype);
    const list = Array.from({ length: elementCount(shape) }, () => Array.from({ length: size }, byte));
    inputs.set(`i${i}`, tensorOf(dtype, shape, list));
  }
  return inputs;
}

const plain = (tensors: TensorMap | undefined): unknown =>
  [...(tensors ?? [])].map(([name, tensor]) => [name, tensor.dtype, tensor.shape, elementsOf(tensor)]);

interface Sent {
  readonly inputs: TensorMap;
  readonly submitted: Submitted;
}

async function serve(
  shapes: readonly InputShape[],
  sent: readonly { readonly rows: number; readonly value: number }[],
  h: SchedulerHarness,
  outputs: readonly string[],
): Promise<readonly Sent[]> {
  const nextByte = makeCounter();
  const list = sent.map(({ rows, value }) => {
    const inputs = inputsOf(shapes, rows, value, nextByte);
    return { inputs, submitted: h.submit(inputs, { outputs }) };
  });
  h.turn();
  for (let run = h.executor.active[0]; run !== undefined; run = h.executor.active[0]) {
    const given = runModel(shapes, run.batch.inputs);
    run.complete({ outputs: new Map(outputs.map((name) => [name, given.get(name)!])) });
    await settle();
    h.turn();
  }
  return list;
}

async function assertAsAlone(shapes: readonly InputShape[], list: readonly Sent[]): Promise<void> {
  for (const { inputs, submitted } of list) {
    const { outputs, error } = await submitted.settled;
    assert.equal(error, undefined);
    assert.deepEqual(plain(outputs), plain(runModel(shapes, inputs)));
  }
}

describe('Rows along any dims', () => {
  it('get what they get alone, in any company, cut, padded or both', async () => {
    await fc.assert(
      fc.asyncProperty(models, requests, limits, async (shapes, sent, limit) => {
        const signature = signatureOf(shapes, undefined);
        const h = new SchedulerHarness({ ...limit, signatures: new Map([['serving_default', signature]]) });
        const list = await serve(shapes, sent, h, [...signature.outputs.keys()]);
        await assertAsAlone(shapes, list);
        assert.deepEqual(h.misfits, []);
        assert.equal(h.scheduler.queuedRows, 0);
        for (const { size } of h.batches) {
          const { allowedBatchSizes: allowed, maxBatchSize } = limit;
          assert.ok(size <= maxBatchSize && (allowed.length === 0 || allowed.includes(size)), `${size} rows`);
        }
      }),
    );
  });

  it('do so with a fixed size', async () => {
    await fc.assert(
      fc.asyncProperty(models, requests, fc.integer({ min: 1, max: 4 }), async (shapes, sent, size) => {
        const signature = signatureOf(shapes, size);
        const h = new SchedulerHarness({ signatures: new Map([['serving_default', signature]]) });
        await assertAsAlone(shapes, await serve(shapes, sent, h, [...signature.outputs.keys()]));
        assert.ok(h.batches.every((batch) => batch.size === size));
      }),
    );
  });

  it('share a run exactly with those of the same values', async () => {
    await fc.assert(
      fc.asyncProperty(models, requests, async (shapes, sent) => {
        const signature = signatureOf(shapes, undefined);
        const h = new SchedulerHarness({
          maxBatchSize: 100,
          signatures: new Map([['serving_default', signature]]),
        });
        await assertAsAlone(shapes, await serve(shapes, sent, h, [...signature.outputs.keys()]));
        const isDivided = shapes.some(({ axis }) => axis === undefined);
        const values = new Set(sent.map(({ value }) => value));
        assert.equal(h.batches.length, isDivided ? values.size : 1);
      }),
    );
  });
});

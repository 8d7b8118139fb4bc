import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Batch, BatchResult, Executor } from '../../../../src/core/executor.ts';
import type { Signature, TensorSpec } from '../../../../src/core/signature.ts';
import { numericTensor } from '../../../../src/core/tensor.ts';
import { pairedAs } from '../../../../src/models/runtimes/paired-names.ts';
import { tensorsMismatch } from '../../../../src/models/runtimes/tensors-mismatch.ts';
import { signature } from '../../../support/puppet-models.ts';

function named(tensorName: string): TensorSpec {
  return { dtype: 'float32', shape: [-1, 2], tensorName };
}

/** As tf2onnx names them, and as the SavedModel's signature does. */
const ONNX = signature(
  { 'serving_default_input_2:0': named('serving_default_input_2:0'), mask: named('mask') },
  { 'StatefulPartitionedCall:0': named('StatefulPartitionedCall:0') },
);
const SAVED = signature(
  { input_2: named('serving_default_input_2:0'), mask: named('serving_default_mask:0') },
  { dense: named('StatefulPartitionedCall:0') },
);
const X = numericTensor('float32', [1, 2], Float32Array.of(1, 2));
const BATCH: Batch = {
  signatureName: 's',
  inputs: new Map([
    ['serving_default_input_2:0', X],
    ['mask', X],
  ]),
  outputs: ['StatefulPartitionedCall:0'],
  size: 1,
  deadline: Infinity,
};

/** Answers each output with X, and keeps what it was asked. */
function recorder(): { executor: Executor; runs: [Batch, Batch | undefined][] } {
  const runs: [Batch, Batch | undefined][] = [];
  const run = async (batch: Batch, after?: Batch): Promise<BatchResult> => {
    runs.push([batch, after]);
    return { outputs: new Map(batch.outputs.map((name) => [name, X])), runStart: 1, runEnd: 2 };
  };
  const executor = { slots: 1, allocate: (bytes: number) => new ArrayBuffer(bytes), release: () => undefined, run };
  return { executor, runs };
}

function of(found: Signature): ReadonlyMap<string, Signature> {
  return new Map([['s', found]]);
}

describe('an artifact with other names for the same tensors', () => {
  it('gets the names of the one that it replaces', () => {
    const paired = pairedAs(of(ONNX), { executor: recorder().executor, signatures: of(SAVED) });
    assert.equal(mismatchOf(of(ONNX), paired.signatures), undefined);
    assert.notEqual(mismatchOf(of(ONNX), of(SAVED)), undefined);
    const back = pairedAs(of(SAVED), { executor: recorder().executor, signatures: of(ONNX) });
    assert.equal(mismatchOf(of(SAVED), back.signatures), undefined);
  });

  it('is known by the graph’s tensors before a signature’s own words for others', () => {
    // The signature calls the softmax of scores "scores".
    const saved = signature(
      { x: named('x:0') },
      { scores: named('softmax:0'), raw: named('scores:0'), rest: named('rest:0') },
    );
    const onnx = signature({ x: named('x') }, { 'scores:0': named('scores:0'), 'softmax:0': named('softmax:0') });
    for (const [reference, candidate] of [
      [saved, onnx],
      [onnx, saved],
    ] as const) {
      const paired = pairedAs(of(reference), { executor: recorder().executor, signatures: of(candidate) });
      for (const [name, { tensorName }] of paired.signatures.get('s')!.outputs) {
        const wanted = reference.outputs.get(name);
        if (wanted !== undefined) assert.equal(tensorName, wanted.tensorName, name);
      }
      assert.equal([...paired.signatures.get('s')!.outputs.keys()].filter((n) => reference.outputs.has(n)).length, 2);
    }
  });

  it('is run with its own names, and answers with the others', async () => {
    const { executor, runs } = recorder();
    const paired = pairedAs(of(ONNX), { executor, signatures: of(SAVED) });
    const first = await paired.executor.run(BATCH);
    assert.deepEqual([...first.outputs.keys()], ['StatefulPartitionedCall:0']);
    assert.deepEqual([first.runStart, first.runEnd], [1, 2]);
    const [[asked]] = runs as [[Batch, undefined]];
    assert.deepEqual([...asked.inputs.keys()], ['input_2', 'mask']);
    assert.deepEqual(asked.outputs, ['dense']);
  });

  it('knows the batch that the next one comes after', async () => {
    const { executor, runs } = recorder();
    const paired = pairedAs(of(ONNX), { executor, signatures: of(SAVED) });
    await paired.executor.run(BATCH);
    await paired.executor.run({ ...BATCH }, BATCH);
    assert.equal(runs[1]![1], runs[0]![0]);
  });

  it('keeps its batch axes and defaults with their tensors', () => {
    const declared: Signature = {
      ...SAVED,
      batchAxes: new Map<string, number | 'same'>([
        ['input_2', 0],
        ['mask', 'same'],
        ['dense', 1],
      ]),
      defaults: new Map([['input_2', X]]),
    };
    const paired = pairedAs(of(ONNX), { executor: recorder().executor, signatures: of(declared) });
    const { batchAxes, defaults } = paired.signatures.get('s')!;
    assert.deepEqual(
      [...batchAxes!],
      [
        ['serving_default_input_2:0', 0],
        ['mask', 'same'],
        ['StatefulPartitionedCall:0', 1],
      ],
    );
    assert.deepEqual([...defaults!.keys()], ['serving_default_input_2:0']);
  });
});

describe('left alone', () => {
  it('an artifact with the same names', () => {
    const candidate = { executor: recorder().executor, signatures: of(ONNX) };
    assert.equal(pairedAs(of(ONNX), candidate), candidate);
  });

  it('tensors that nothing pairs', () => {
    const other = signature({ a: named('a'), mask: named('mask') }, { b: named('b') });
    const candidate = { executor: recorder().executor, signatures: of(other) };
    assert.equal(pairedAs(of(ONNX), candidate), candidate);
  });
});

/** The first difference between the tensors of the signatures. */
function mismatchOf(wanted: ReadonlyMap<string, Signature>, found: ReadonlyMap<string, Signature>): string | undefined {
  const mismatches = [...wanted].map(([name, { inputs, outputs }]) => {
    const other = found.get(name)!;
    return tensorsMismatch('input', inputs, other.inputs) ?? tensorsMismatch('output', outputs, other.outputs);
  });
  return mismatches.find((each) => each !== undefined);
}

/** Outputs → ModelInferResponse, read back by another codec. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { inferResponse, streamError } from '../../../../src/codec/open-inference/infer-response-writer.ts';
import { atOnce } from '../../../../src/core/in-slices.ts';
import { numericTensor, stringTensor, type Tensor, type TensorMap } from '../../../../src/core/tensor.ts';
import { decode, type Fields } from '../../../support/proto-registry.ts';

const ANSWER = { modelName: 'm', modelVersion: '7', id: '' };
const UNARY = { room: 5, isStreamed: false };

const OUTPUTS: TensorMap = new Map<string, Tensor>([
  ['y', numericTensor('float32', [1, 2], Float32Array.of(1, 2))],
  ['s', stringTensor([2], [Buffer.from('ab'), Buffer.alloc(0)])],
  ['e', numericTensor('int64', [0], new BigInt64Array(0))],
  ['z', numericTensor('bool', [], Uint8Array.of(1))],
]);

const write = (answer: Partial<typeof ANSWER>, form = UNARY, outputs = OUTPUTS): Buffer =>
  atOnce(inferResponse({ ...ANSWER, ...answer }, outputs, form));

describe('a ModelInferResponse', () => {
  it('has heads in order, and all elements raw', () => {
    const bytes = write({ id: 'r-1' });
    const fields = decode('inference.ModelInferResponse', bytes.subarray(5));
    assert.deepEqual([fields['modelName'], fields['modelVersion'], fields['id']], ['m', '7', 'r-1']);
    const heads = (fields['outputs'] as Fields[]).map(({ name, datatype, shape }) => [name, datatype, shape]);
    assert.deepEqual(heads, [
      ['y', 'FP32', [1n, 2n]],
      ['s', 'BYTES', [2n]],
      ['e', 'INT64', [0n]],
      ['z', 'BOOL', []],
    ]);
    const raw = (fields['rawOutputContents'] as Uint8Array[]).map((each) => Buffer.from(each).toString('hex'));
    assert.deepEqual(raw, ['0000803f00000040', '02000000616200000000', '', '01']);
  });

  it('is exactly as long as it was measured, whatever is in it', () => {
    const long = new Map([['ü'.repeat(200), numericTensor('uint8', [300], new Uint8Array(300))]]);
    const bytes = atOnce(inferResponse(ANSWER, long, UNARY));
    const fields = decode('inference.ModelInferResponse', bytes.subarray(5));
    assert.equal((fields['outputs'] as Fields[])[0]!['name'], 'ü'.repeat(200));
  });

  it('stands in a ModelStreamInferResponse on a stream', () => {
    const fields = decode('inference.ModelStreamInferResponse', write({ id: 'r' }, { room: 0, isStreamed: true }));
    assert.equal(fields['errorMessage'], '');
    const inner = fields['inferResponse'] as Fields;
    assert.equal(inner['id'], 'r');
    assert.equal((inner['outputs'] as Fields[]).length, 4);
    const { triton_final_response: final } = inner['parameters'] as Record<string, Fields>;
    assert.deepEqual((final!['parameterChoice'] as Fields)['value'], true);
  });

  it('of an error on a stream holds the id alone', () => {
    const fields = decode('inference.ModelStreamInferResponse', streamError('no', 'r-2'));
    assert.equal(fields['errorMessage'], 'no');
    const inner = fields['inferResponse'] as Fields;
    assert.deepEqual([inner['id'], inner['modelName'], inner['outputs']], ['r-2', '', []]);
  });

  it('is written in steps where it is large', () => {
    const many = stringTensor(
      [5000],
      Array.from({ length: 5000 }, (_, i) => Buffer.from(String(i))),
    );
    const wide = numericTensor('uint8', [5 << 20], new Uint8Array(5 << 20).fill(7));
    const steps = inferResponse(
      ANSWER,
      new Map<string, Tensor>([
        ['many', many],
        ['wide', wide],
      ]),
      UNARY,
    );
    let count = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) count += 1;
    assert.equal(count, 2 + 5);
    const raw = decode('inference.ModelInferResponse', step.value.subarray(5))['rawOutputContents'] as Uint8Array[];
    assert.equal(
      raw[0]!.length,
      many.data.reduce((sum, { length }) => sum + 4 + length, 0),
    );
    assert.deepEqual(Buffer.from(raw[1]!), Buffer.from(wide.data));
  });
});

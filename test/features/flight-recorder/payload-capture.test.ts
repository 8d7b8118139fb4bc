import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { readPredictRequest, readPredictResponse } from '../../../src/codec/tensorflow/predict-reader.ts';
import { readPredictionLog } from '../../../src/codec/tensorflow/prediction-log.ts';
import { elements, type NumericTensor, numericTensor, stringTensor, type Tensor } from '../../../src/core/tensor.ts';
import { PayloadCapture, type PayloadCaptureOptions } from '../../../src/features/flight-recorder/payload-capture.ts';
import type { PredictAttempt } from '../../../src/models/serving/sample-point.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordBytes } from '../../support/prediction-logs.ts';

const SERVED = {
  name: 'm',
  version: 1n,
  versionText: '1',
  signatureName: 's',
  signature: undefined as never,
  outputNames: ['y'],
};
const secret = numericTensor('float32', [2], Float32Array.of(7, 8));
const words = stringTensor([2], [Buffer.from('name'), Buffer.from('city')]);

function capture(options: Partial<PayloadCaptureOptions> = {}): PayloadCapture {
  return new PayloadCapture({
    mode: 'all',
    inputs: ['*'],
    maxBytes: 2 ** 20,
    clock: new FakeClock(),
    onInternalError: assert.ifError,
    ...options,
  });
}

function attempt(sequence: number, changes: Partial<PredictAttempt> = {}): PredictAttempt {
  const inputs = new Map<string, Tensor>([
    ['x', secret],
    ['words', words],
  ]);
  const outputs = new Map<string, Tensor>([['y', secret]]);
  return { sequence, requested: {}, served: SERVED, inputs, outputFilter: [], outputs, others: [], ...changes };
}

/** The inputs and outputs that were kept. */
function keptOf(payloads: PayloadCapture, sequence: number) {
  const { type, request, response } = readPredictionLog(recordBytes(payloads.read(sequence)!));
  assert.equal(type, 'predict');
  const { inputs, modelSpec } = readPredictRequest(request, 2 ** 20);
  assert.deepEqual([modelSpec.name, modelSpec.signatureName], ['m', 's']);
  const outputs = response === undefined ? undefined : readPredictResponse(response, 2 ** 20);
  const numbers = (tensor: Tensor | undefined) => [...(elements(tensor as NumericTensor) as Float32Array)];
  const texts = (inputs.get('words')!.data as readonly Uint8Array[]).map((each) => Buffer.from(each).toString());
  return { x: numbers(inputs.get('x')), words: texts, y: outputs && numbers(outputs.get('y')) };
}

describe('a captured payload', () => {
  it('is whole, with its answer, where every input may be kept', () => {
    const payloads = capture();
    payloads.take(attempt(1));
    assert.deepEqual(keptOf(payloads, 1), { x: [7, 8], words: ['name', 'city'], y: [7, 8] });
  });

  it('has shapes alone where nothing may be kept, and no answer', () => {
    const payloads = capture({ inputs: [] });
    payloads.take(attempt(1));
    assert.deepEqual(keptOf(payloads, 1), { x: [0, 0], words: ['', ''], y: undefined });
    assert.deepEqual([...(elements(secret) as Float32Array)], [7, 8], 'the request’s own is left alone');
  });

  it('has the values of the inputs that are named', () => {
    const payloads = capture({ inputs: ['x'] });
    payloads.take(attempt(1));
    assert.deepEqual(keptOf(payloads, 1), { x: [7, 8], words: ['', ''], y: undefined });
  });

  it('is of a failed request alone where that is asked for', () => {
    const payloads = capture({ mode: 'failed' });
    payloads.take(attempt(1));
    payloads.take(attempt(2, { outputs: undefined }));
    assert.deepEqual([payloads.has(1), payloads.has(2)], [false, true]);
  });
});

describe('memory', () => {
  const large = (bytes: number): Partial<PredictAttempt> => ({
    inputs: new Map([['x', numericTensor('uint8', [bytes], new Uint8Array(bytes))]]),
    outputs: undefined,
  });

  it('is bounded: the oldest go first', () => {
    const payloads = capture({ maxBytes: 1000 });
    for (let i = 1; i <= 6; i++) payloads.take(attempt(i, large(200)));
    const kept = [1, 2, 3, 4, 5, 6].filter((sequence) => payloads.has(sequence));
    assert.ok(kept.length >= 2 && kept.length <= 4, String(kept));
    assert.deepEqual(kept, [1, 2, 3, 4, 5, 6].slice(-kept.length));
  });

  it('is not given to one that would take more than a quarter', () => {
    const payloads = capture({ maxBytes: 1000 });
    payloads.take(attempt(1, large(251)));
    assert.equal(payloads.has(1), false);
  });
});

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { peekAtInfer } from '../../../src/codec/open-inference/infer-peek.ts';
import { type InferRequest, NO_PARAMETERS } from '../../../src/codec/open-inference/infer-request.ts';
import { InferLayouts, readInferId, readInferRequest } from '../../../src/codec/open-inference/infer-request-reader.ts';
import { inferResponse } from '../../../src/codec/open-inference/infer-response-writer.ts';
import {
  readLogSettings,
  readModelQuestion,
  readTraceSettings,
} from '../../../src/codec/open-inference/lookup-messages.ts';
import { readInferResponse, writeInferRequest } from '../../../src/codec/open-inference/open-inference-messages.ts';
import { readIndexRequest, readRepositoryRequest } from '../../../src/codec/open-inference/repository-messages.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { atOnce } from '../../../src/core/in-slices.ts';
import { decode } from '../../support/proto-registry.ts';
import { bytesField, varintField } from '../../support/wire-fragments.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';
import { plainTensors } from '../plain-tensors.ts';

const LIMIT = 1 << 20;

const SMALL: readonly ((message: Uint8Array) => unknown)[] = [
  (message) => readModelQuestion(message, 'ModelReadyRequest'),
  (message) => readIndexRequest(message),
  (message) => readRepositoryRequest(message, 'RepositoryModelLoadRequest'),
  (message) => readLogSettings(message),
  (message) => readTraceSettings(message),
];

const input = (...fields: readonly Buffer[]): Buffer =>
  bytesField(5, Buffer.concat([bytesField(1, 'x'), bytesField(2, 'FP32'), varintField(3, 1), ...fields]));
const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat([bytesField(1, 'm'), ...fields]);

/** One for all requests, as in the service. */
const layouts = new InferLayouts();

function plain(read: InferRequest | ServingError): unknown {
  if (read instanceof ServingError) return read.message;
  return { ...read, inputs: plainTensors(read.inputs) };
}

export const target: FuzzTarget = {
  says: 'ModelInferRequests, raw and typed, and the small questions of Open Inference; what is read is written the same',
  maxBytes: 1024,
  words: [
    'x',
    'BYTES',
    'INT8',
    'timeout',
    varintField(3, 1),
    bytesField(7, Buffer.alloc(8)),
    bytesField(5, bytesField(6, '1234')),
  ],
  seeds: [
    message(input(), bytesField(7, '1234')),
    message(input(bytesField(5, bytesField(6, '1234')))),
    message(bytesField(4, Buffer.concat([bytesField(1, 'timeout'), bytesField(2, varintField(2, 5))]))),
  ],
  run(bytes) {
    for (const read of SMALL) orRefusal(() => read(bytes));
    const id = readInferId(bytes);
    const peek = peekAtInfer(bytes);
    const read = orRefusal(() => readInferRequest(bytes, LIMIT));
    const known = orRefusal(() => readInferRequest(Buffer.from(bytes), LIMIT, layouts));
    assert.deepEqual(plain(known), plain(read));
    if (read instanceof ServingError) return;
    assert.equal(read.id, id);
    if (peek !== undefined) assert.deepEqual(peek, { name: read.modelName, version: read.modelVersion });
    const names = read.outputs.map(({ name }) => name);
    const written = writeInferRequest({ name: read.modelName, version: read.modelVersion }, read.inputs, names);
    const again = readInferRequest(written, LIMIT);
    assert.deepEqual(plainTensors(again.inputs), plainTensors(read.inputs));
    const answer = { modelName: 'm', modelVersion: '1', id, parameters: NO_PARAMETERS };
    const response = atOnce(inferResponse(answer, read.inputs, { room: 0, isStreamed: false }));
    assert.deepEqual(plainTensors(readInferResponse(response)), plainTensors(read.inputs));
    // The other reader of protobuf takes what we have written.
    assert.equal(decode('inference.ModelInferResponse', response)['modelVersion'], '1');
  },
};

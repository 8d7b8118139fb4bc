import { readInferResponse } from '../../../src/codec/open-inference/open-inference-messages.ts';
import { readExamplesRequest, readMultiInferenceRequest } from '../../../src/codec/tensorflow/example-input-reader.ts';
import { readMultiInferenceResponse } from '../../../src/codec/tensorflow/inference-response-reader.ts';
import { readModelMetadataRequest } from '../../../src/codec/tensorflow/model-metadata-codec.ts';
import { readPredictionLog } from '../../../src/codec/tensorflow/prediction-log.ts';
import { bytesField, varintField } from '../../support/wire-fragments.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

const LIMIT = 1 << 20;
const READERS: readonly ((message: Uint8Array) => unknown)[] = [
  (message) => readExamplesRequest(message, 'ClassificationRequest', LIMIT),
  (message) => readMultiInferenceRequest(message, LIMIT),
  (message) => readMultiInferenceResponse(message, LIMIT),
  (message) => readModelMetadataRequest(message),
  (message) => readPredictionLog(message),
  (message) => readInferResponse(message),
];

export const target: FuzzTarget = {
  says: 'the other protobuf messages: Classify, MultiInference, metadata, logs, answers of Open Inference',
  maxBytes: 512,
  words: ['m', 'signature_def', bytesField(1, 'm'), bytesField(2, 'x'), bytesField(6, ''), varintField(2, 1)],
  seeds: [bytesField(1, bytesField(1, 'm'))],
  run(bytes) {
    for (const read of READERS) orRefusal(() => read(bytes));
  },
};

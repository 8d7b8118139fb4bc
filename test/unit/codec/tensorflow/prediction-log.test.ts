import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { predictionLogParts, readPredictionLog } from '../../../../src/codec/tensorflow/prediction-log.ts';
import { predictLog } from '../../../support/prediction-logs.ts';
import { decode, encode } from '../../../support/proto-registry.ts';
import { bytesField, varintField } from '../../../support/wire-fragments.ts';

const METADATA = {
  name: 'm',
  version: 3n,
  signatureName: 'serving_default',
  samplingRate: 0.25,
  wallMs: 1_700_000_000_900,
};
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

describe('a written PredictionLog', () => {
  it('is what a protobuf library reads', () => {
    const request = encode('tensorflow.serving.PredictRequest', { outputFilter: ['y'] });
    const response = encode('tensorflow.serving.PredictResponse', { modelSpec: { name: 'm' } });
    const log = decode(
      'tensorflow.serving.PredictionLog',
      Buffer.concat(predictionLogParts(METADATA, 'predict', request, response)),
    ) as never as {
      logMetadata: Record<string, unknown> & { modelSpec: { name: string; signatureName: string } };
      logType: {
        case: string;
        value: { request: { outputFilter: string[] }; response: { modelSpec: { name: string } } };
      };
    };
    assert.equal(log.logMetadata.modelSpec.name, 'm');
    assert.equal(log.logMetadata.modelSpec.signatureName, 'serving_default');
    assert.deepEqual(log.logMetadata['timestampSecs'], 1_700_000_000n);
    assert.equal((log.logMetadata['samplingConfig'] as { samplingRate: number }).samplingRate, 0.25);
    assert.equal(log.logType.case, 'predictLog');
    assert.deepEqual(log.logType.value.request.outputFilter, ['y']);
    assert.equal(log.logType.value.response.modelSpec.name, 'm');
  });

  it('reads back as it was written, with a response and without', () => {
    const [request, response] = [Buffer.from('request'), Buffer.from('response')];
    const whole = readPredictionLog(Buffer.concat(predictionLogParts(METADATA, 'classify', request, response)));
    assert.deepEqual([whole.type, text(whole.request), text(whole.response)], ['classify', 'request', 'response']);
    const half = readPredictionLog(Buffer.concat(predictionLogParts(METADATA, 'regress', request, undefined)));
    assert.deepEqual([half.type, text(half.request), half.response], ['regress', 'request', undefined]);
  });
});

describe('a PredictionLog of another program', () => {
  it('is read without its tensors being decoded', () => {
    const { type, request } = readPredictionLog(predictLog({ inputs: {} }));
    assert.equal(type, 'predict');
    assert.equal(
      (decode('tensorflow.serving.PredictRequest', request) as never as { modelSpec: { name: string } }).modelSpec.name,
      'm',
    );
  });

  it('without a kind, of an unknown kind, or empty has no request', () => {
    for (const bytes of [Buffer.alloc(0), bytesField(1, ''), bytesField(99, 'future'), varintField(6, 1)]) {
      assert.equal(readPredictionLog(bytes).type, undefined);
    }
  });

  it('with repeated fields is merged as in protobuf: parts of one kind join, the last kind wins', () => {
    const joined = Buffer.concat([bytesField(6, bytesField(1, 'ab')), bytesField(6, bytesField(1, 'cd'))]);
    assert.equal(text(readPredictionLog(joined).request), 'abcd');
    const replaced = readPredictionLog(Buffer.concat([bytesField(2, bytesField(1, 'ab')), bytesField(6, '')]));
    assert.deepEqual([replaced.type, text(replaced.request)], ['predict', '']);
  });

  it('that is cut off is refused', () => {
    const bytes = predictLog({ inputs: {} });
    assert.throws(() => readPredictionLog(bytes.subarray(0, bytes.length - 1)), /PredictionLog is not valid protobuf/);
  });
});

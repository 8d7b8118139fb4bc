import { readPredictResponse } from '../../../src/codec/tensorflow/predict-reader.ts';
import { bytesField, shape, varintField } from '../../support/wire-fragments.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

export const target: FuzzTarget = {
  says: 'PredictResponses of other servers',
  maxBytes: 1024,
  words: ['y', varintField(1, 1), varintField(1, 7), bytesField(2, shape(2)), bytesField(5, 'abcd')],
  seeds: [],
  run(bytes) {
    orRefusal(() => readPredictResponse(bytes, 1 << 20));
  },
};

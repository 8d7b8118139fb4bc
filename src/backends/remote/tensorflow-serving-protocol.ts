/** TensorFlow Serving's API, spoken to another server: GetModelMetadata and Predict. */

import { bytesField, message, messageField } from '../../codec/protobuf/wire-writer.ts';
import { encodeRequestedSpec } from '../../codec/tensorflow/model-spec-codec.ts';
import { writePredictRequest } from '../../codec/tensorflow/predict-request-writer.ts';
import { readPredictResponse } from '../../codec/tensorflow/predict-response-reader.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { RemoteProtocol } from './remote-protocol.ts';
import { readSignatureDefs } from './signature-def-reader.ts';

const SERVICE = '/tensorflow.serving.PredictionService';

/** `spec` is the model as the other server calls it. */
export function tensorflowServingProtocol(spec: ModelSpec): RemoteProtocol {
  return {
    metadataPath: `${SERVICE}/GetModelMetadata`,
    /** Fields: 1 model_spec, 2 metadata_field. */
    writeMetadataRequest: () => message(messageField(1, encodeRequestedSpec(spec)), bytesField(2, 'signature_def')),
    readSignatures: readSignatureDefs,
    predictPath: `${SERVICE}/Predict`,
    writePredictRequest: (signatureName, inputs, outputs) =>
      writePredictRequest({ ...spec, signatureName }, inputs, outputs),
    readPredictResponse: (bytes) => readPredictResponse(bytes, Infinity),
  };
}

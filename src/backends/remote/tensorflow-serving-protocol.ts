/** TensorFlow Serving's API, spoken to another server: GetModelMetadata and Predict. */
import type { ModelSpec } from '../../core/model-spec.ts';
import { encodeRequestedSpec } from '../../core/model-spec-codec.ts';
import { writePredictRequest } from '../../core/predict-request-writer.ts';
import { readPredictResponse } from '../../core/predict-response-reader.ts';
import { bytesField, message, messageField } from '../../core/wire-writer.ts';
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

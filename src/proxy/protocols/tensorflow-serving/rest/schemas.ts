/** JSON Schemas of the bodies of TensorFlow Serving's REST API, for the description of the API. */
import { ANY, list, NUMBER_TEXT, object, oneOf, ref, TEXT } from '../../rest/json-schema.ts';

const VERSION_STATE = { type: 'string', enum: ['UNKNOWN', 'START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END'] };
const VERSION_PROBLEM = object({ error_code: TEXT, error_message: TEXT }, ['error_code', 'error_message']);

export const SERVING_SCHEMAS = {
  PredictRequest: {
    ...object({
      signature_name: TEXT,
      instances: { ...list(ANY), minItems: 1, description: 'One value a row.' },
      inputs: { description: 'Whole tensors: an object by name, or the value of the only input.' },
    }),
    ...oneOf('instances', 'inputs'),
  },
  PredictResponse: {
    ...object({
      predictions: { ...list(ANY), description: 'One value a row.' },
      outputs: { description: 'Whole tensors: an object by name, or the value of the only output.' },
    }),
    ...oneOf('predictions', 'outputs'),
  },
  ModelStatus: object(
    {
      model_version_status: list(
        object({ version: NUMBER_TEXT, state: VERSION_STATE, status: VERSION_PROBLEM }, ['version', 'state', 'status']),
      ),
    },
    ['model_version_status'],
  ),
  ModelList: object({ models: list({ allOf: [object({ name: TEXT }, ['name']), ref('ModelStatus')] }) }, ['models']),
  ServingMetadata: object(
    {
      model_spec: object({ name: TEXT, signature_name: TEXT, version: NUMBER_TEXT }),
      metadata: object({ signature_def: object({}), notes: list(TEXT), columns: object({}) }),
    },
    ['model_spec', 'metadata'],
  ),
};

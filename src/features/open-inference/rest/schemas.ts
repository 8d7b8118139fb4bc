/** JSON Schemas of the bodies of the Open Inference Protocol, for the description of the API. */
import { DATATYPES } from '../../../codec/open-inference/datatypes.ts';
import { MAX_NAMES } from '../../../codec/open-inference/infer-request.ts';
import { MAX_SEQUENCE_ID_LENGTH } from '../../../core/model-spec.ts';
import { ANY, BOOLEAN, COUNT, list, object, oneOf, ref, TEXT } from '../../../proxy/protocols/rest/json-schema.ts';
import { orNull, parameters } from '../exported/body-schemas.ts';

const SHAPE = { type: 'array', items: COUNT };
/** -1: any size. */
const SPEC_SHAPE = { type: 'array', items: { type: 'integer', minimum: -1 } };
const DATATYPE = { type: 'string', enum: Object.values(DATATYPES) };

const TENSOR_METADATA = object(
  { name: TEXT, datatype: DATATYPE, shape: SPEC_SHAPE, parameters: object({ columns: list(ANY) }) },
  ['name', 'datatype', 'shape'],
);
const DURATION = object({ count: COUNT, ns: COUNT }, ['count', 'ns']);
const COMPUTE = { compute_input: DURATION, compute_infer: DURATION, compute_output: DURATION };

export const OPEN_INFERENCE_SCHEMAS = {
  RequestParameters: parameters({
    timeout: { ...COUNT, description: 'The deadline, in microseconds from the arrival; 0 = none.' },
    priority: { ...COUNT, description: '0 = the default, 1 = the highest.' },
    signature_name: TEXT,
    sequence_id: { anyOf: [{ type: 'string', maxLength: MAX_SEQUENCE_ID_LENGTH }, COUNT] },
    sequence_start: BOOLEAN,
    sequence_end: BOOLEAN,
    binary_data_output: BOOLEAN,
  }),
  InputParameters: parameters({ binary_data_size: COUNT }),
  OutputParameters: parameters({ binary_data: BOOLEAN, classification: { type: 'integer', minimum: 1 } }),
  AnswerParameters: object({ binary_data_size: COUNT }, ['binary_data_size']),
  InferRequest: object(
    {
      id: orNull(TEXT),
      parameters: orNull(ref('RequestParameters')),
      inputs: { ...list(ref('InferInput')), maxItems: MAX_NAMES },
      outputs: orNull({ ...list(ref('RequestedOutput')), maxItems: MAX_NAMES }),
    },
    ['inputs'],
  ),
  InferInput: object(
    {
      name: TEXT,
      shape: SHAPE,
      datatype: DATATYPE,
      parameters: orNull(ref('InputParameters')),
      data: { description: 'One flat list, or lists nested as the shape is. Absent with binary_data_size.' },
    },
    ['name', 'shape', 'datatype'],
  ),
  RequestedOutput: object({ name: TEXT, parameters: orNull(ref('OutputParameters')) }, ['name']),
  InferResponse: object(
    {
      id: TEXT,
      model_name: TEXT,
      model_version: TEXT,
      outputs: list({
        ...object(
          { name: TEXT, datatype: DATATYPE, shape: SHAPE, parameters: ref('AnswerParameters'), data: list(ANY) },
          ['name', 'datatype', 'shape'],
        ),
        ...oneOf('parameters', 'data'),
      }),
    },
    ['model_name', 'model_version', 'outputs'],
  ),
  ServerLive: object({ live: { type: 'boolean' } }, ['live']),
  ServerReady: object({ ready: { type: 'boolean' }, error: TEXT }, ['ready']),
  ServerMetadata: object({ name: TEXT, version: TEXT, extensions: list(TEXT) }, ['name', 'version', 'extensions']),
  OpenInferenceMetadata: object(
    { name: TEXT, versions: list(TEXT), platform: TEXT, inputs: list(TENSOR_METADATA), outputs: list(TENSOR_METADATA) },
    ['name', 'versions', 'platform', 'inputs', 'outputs'],
  ),
  ModelConfig: object(
    {
      name: TEXT,
      platform: TEXT,
      backend: TEXT,
      max_batch_size: COUNT,
      input: list(object({ name: TEXT, data_type: TEXT, dims: SPEC_SHAPE, optional: BOOLEAN })),
      output: list(object({ name: TEXT, data_type: TEXT, dims: SPEC_SHAPE })),
      dynamic_batching: object({ priority_levels: COUNT, default_priority_level: COUNT }),
    },
    ['name', 'max_batch_size', 'input', 'output'],
  ),
  ModelStatistics: object(
    {
      model_stats: list(
        object({
          ...{ name: TEXT, version: TEXT, last_inference: COUNT, inference_count: COUNT, execution_count: COUNT },
          inference_stats: object({
            ...{ success: DURATION, fail: DURATION, queue: DURATION, ...COMPUTE },
            ...{ cache_hit: DURATION, cache_miss: DURATION },
          }),
          batch_stats: list(object({ batch_size: COUNT, ...COMPUTE })),
        }),
      ),
    },
    ['model_stats'],
  ),
  Settings: object({}),
};

/** JSON Schemas (2020-12) of the bodies of REST, for /openapi.json. */

const TEXT = { type: 'string' };
const COUNT = { type: 'integer', minimum: 0 };
const SHAPE = { type: 'array', items: COUNT };
/** -1: any size. */
const SPEC_SHAPE = { type: 'array', items: { type: 'integer', minimum: -1 } };
const NUMBER_TEXT = { type: 'string', pattern: '^[0-9]+$' };
/** A value of any nesting. */
const ANY = {};

const DATATYPE = {
  type: 'string',
  enum: [
    'BOOL',
    'UINT8',
    'UINT16',
    'UINT32',
    'UINT64',
    'INT8',
    'INT16',
    'INT32',
    'INT64',
    'FP16',
    'BF16',
    'FP32',
  ].concat(['FP64', 'BYTES']),
};

function object(properties: Readonly<Record<string, object>>, required: readonly string[] = []): object {
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}

function list(items: object): object {
  return { type: 'array', items };
}

function ref(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

const TENSOR_METADATA = object({ name: TEXT, datatype: DATATYPE, shape: SPEC_SHAPE }, ['name', 'datatype', 'shape']);
const DURATION = object({ count: COUNT, ns: COUNT }, ['count', 'ns']);
const COMPUTE = { compute_input: DURATION, compute_infer: DURATION, compute_output: DURATION };

const SERVING = {
  PredictRequest: object({
    signature_name: TEXT,
    instances: { ...list(ANY), description: 'One value a row.' },
    inputs: { description: 'Whole tensors: an object by name, or the value of the only input.' },
  }),
  PredictResponse: object({
    predictions: { ...list(ANY), description: 'One value a row.' },
    outputs: { description: 'Whole tensors: an object by name, or the value of the only output.' },
  }),
  ExamplesRequest: object({ signature_name: TEXT, context: object({}), examples: list(object({})) }, ['examples']),
  ClassifyResponse: object({ results: list(list(list({ type: ['string', 'number'] }))) }, ['results']),
  RegressResponse: object({ results: list({ type: 'number' }) }, ['results']),
  ModelStatus: object(
    {
      model_version_status: list(
        object({ version: NUMBER_TEXT, state: TEXT, status: object({ error_code: TEXT, error_message: TEXT }) }),
      ),
    },
    ['model_version_status'],
  ),
  ModelList: object({ models: list({ allOf: [object({ name: TEXT }, ['name']), ref('ModelStatus')] }) }, ['models']),
  ServingMetadata: object(
    {
      model_spec: object({ name: TEXT, signature_name: TEXT, version: NUMBER_TEXT }),
      metadata: object({ signature_def: object({}) }),
    },
    ['model_spec', 'metadata'],
  ),
};

const OPEN_INFERENCE = {
  Parameters: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
  InferRequest: object(
    {
      id: TEXT,
      parameters: ref('Parameters'),
      inputs: list(
        object({ name: TEXT, shape: SHAPE, datatype: DATATYPE, parameters: ref('Parameters'), data: list(ANY) }, [
          ...['name', 'shape', 'datatype'],
        ]),
      ),
      outputs: list(object({ name: TEXT, parameters: ref('Parameters') }, ['name'])),
    },
    ['inputs'],
  ),
  InferResponse: object(
    {
      id: TEXT,
      model_name: TEXT,
      model_version: TEXT,
      outputs: list(
        object({ name: TEXT, datatype: DATATYPE, shape: SHAPE, parameters: ref('Parameters'), data: list(ANY) }, [
          ...['name', 'datatype', 'shape'],
        ]),
      ),
    },
    ['model_name', 'model_version', 'outputs'],
  ),
  ServerLive: object({ live: { type: 'boolean' } }, ['live']),
  ServerReady: object({ ready: { type: 'boolean' } }, ['ready']),
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
      input: list(object({ name: TEXT, data_type: TEXT, dims: SPEC_SHAPE, optional: { type: 'boolean' } })),
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
  RepositoryIndexRequest: object({ ready: { type: 'boolean' } }),
  RepositoryIndex: list(
    object({ name: TEXT, version: TEXT, state: TEXT, reason: TEXT }, ['name', 'version', 'state', 'reason']),
  ),
  RegionRequest: object({ key: TEXT, offset: COUNT, byte_size: COUNT }, ['key', 'byte_size']),
  Regions: list(object({ name: TEXT, key: TEXT, offset: COUNT, byte_size: COUNT }, ['name', 'key', 'byte_size'])),
  RepositoryRequest: object({ parameters: ref('Parameters') }),
  Settings: object({}),
};

export const OPENAPI_SCHEMAS = {
  Error: object({ error: TEXT }, ['error']),
  ...SERVING,
  ...OPEN_INFERENCE,
};

export type SchemaName = keyof typeof OPENAPI_SCHEMAS;

/**
 * JSON Schema of pillion.yaml, made of the option table and of what the reader of models takes, so that an editor says
 * the same as the server. Checked in as docs/pillion.schema.json.
 */
import { BATCHING_FIELDS } from './batching-parameters.ts';
import { AUTO_RUNTIME, DEFAULT_BREAKER, DEFAULT_SHADOW, HOST_CHOICES, WEIGHT_RANGE } from './model-config.ts';
import type { OptionTable } from './read-options.ts';
import { NOT_IN_FILE } from './yaml/pillion-yaml.ts';
import {
  BATCHING_RANGES,
  BREAKER_RANGES,
  LOGGING_KEYS,
  type MODEL_KEYS,
  PROVIDERS,
  SLO_MS,
} from './yaml/yaml-models.ts';

type Schema = Readonly<Record<string, unknown>>;

const MODEL_CHOICE_TEXT: Schema = { type: 'string', pattern: '^[^/:@\\s]+(:[0-9]{1,19}|@[^/:@\\s]+)?$' };
const VERSION: Schema = { type: 'integer', minimum: 0 };

export function pillionSchema(table: OptionTable): Schema {
  const options = Object.entries(table)
    .filter(([name]) => !NOT_IN_FILE.includes(name))
    .map(([name, option]) => [name, { description: option.help, default: option.default, ...option.schema }]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'pillion.yaml',
    description: 'Configuration of `pillion serve`: options by their names, and the models.',
    type: 'object',
    additionalProperties: false,
    properties: {
      models: { description: 'The models to serve.', type: 'array', items: modelSchema() },
      ...Object.fromEntries(options),
    },
  };
}

function modelSchema(): Schema {
  const properties: Record<(typeof MODEL_KEYS)[number], Schema> = {
    name: { description: 'What requests call it.', type: 'string', pattern: '^[^/:\\s]+$' },
    base_path: {
      description: 'Directory with one numbered directory a version. Relative paths count from the working directory.',
      type: 'string',
      minLength: 1,
    },
    versions: {
      description: 'latest:N, all, one number, or a list of numbers. By default latest:1.',
      anyOf: [
        { type: 'string', pattern: '^(all|latest(:[1-9][0-9]{0,8})?)$' },
        VERSION,
        { type: 'array', items: VERSION, minItems: 1 },
      ],
    },
    labels: { description: 'Names for versions: {stable: 3}.', type: 'object', additionalProperties: VERSION },
    backend: {
      description: `Runtime by name, or ${AUTO_RUNTIME}: the fastest of those that the version has files for. By default the first that knows the files.`,
      type: 'string',
    },
    runtime: { description: 'Another word for backend.', type: 'string' },
    provider: { description: 'Where it runs; by default execution_provider.', type: 'string', enum: [...PROVIDERS] },
    slo_ms: {
      description: 'Latency objective in ms, for requests without a deadline; by default slo_ms.',
      type: 'number',
      minimum: SLO_MS.min,
      maximum: SLO_MS.max,
    },
    weight: {
      description: 'Its part of the cores beside other models, when there is too little of them; by default 1.',
      type: 'number',
      minimum: WEIGHT_RANGE.min,
      maximum: WEIGHT_RANGE.max,
    },
    host: { description: 'Where its runs happen; by default host.', type: 'string', enum: [...HOST_CHOICES] },
    isolate: { description: 'true is another word for host: process.', type: 'boolean' },
    process_group: {
      description: 'It shares one process with the models that say the same, instead of having its own.',
      type: 'string',
      minLength: 1,
    },
    batching: batchingSchema(),
    logging: loggingSchema(),
    breaker: breakerSchema(),
    shadow: shadowSchema(),
    fallback: {
      description: 'Answers in its place while it cannot: a model, model:version or model@label.',
      ...MODEL_CHOICE_TEXT,
    },
    degrade_to: {
      description: 'Answers in its place what it is too busy for: a model, model:version or model@label.',
      ...MODEL_CHOICE_TEXT,
    },
  };
  return { type: 'object', additionalProperties: false, required: ['name', 'base_path'], properties };
}

function batchingSchema(): Schema {
  const properties = Object.entries(BATCHING_FIELDS).map(([knob, field]) => {
    if (knob === 'allowedBatchSizes') return [field, { type: 'array', items: { type: 'integer', minimum: 1 } }];
    if (knob === 'padVariableLengthInputs') return [field, { type: 'boolean' }];
    const { min, max } = BATCHING_RANGES[knob as keyof typeof BATCHING_RANGES];
    return [field, { type: 'integer', minimum: Number(min), maximum: Number(max) }];
  });
  return {
    description: 'What this model changes of the server’s batching.',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}

function breakerSchema(): Schema {
  const defaults = [DEFAULT_BREAKER.failures, DEFAULT_BREAKER.windowMs, DEFAULT_BREAKER.resetMs];
  const properties = Object.entries(BREAKER_RANGES).map(([key, { min, max }], i) => {
    return [key, { type: 'integer', minimum: Number(min), maximum: Number(max), default: defaults[i] }];
  });
  return {
    description: 'When its batches are held back because they fail: off, or numbers.',
    anyOf: [
      { enum: ['off'] },
      { type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) },
    ],
  };
}

function shadowSchema(): Schema {
  const { runtime, sample } = DEFAULT_SHADOW;
  return {
    description: 'Another runtime runs copies of some batches, and what differs is counted.',
    type: 'object',
    additionalProperties: false,
    properties: {
      runtime: { description: `By name, or ${AUTO_RUNTIME}: another one.`, type: 'string', default: runtime },
      sample: { description: 'Share of the batches.', type: 'number', minimum: 0, maximum: 1, default: sample },
    },
  };
}

function loggingSchema(): Schema {
  return {
    description: 'Which of its requests are written to TFRecord files.',
    type: 'object',
    additionalProperties: false,
    required: [...LOGGING_KEYS],
    properties: {
      filename_prefix: { description: 'Path and start of the files’ names.', type: 'string', minLength: 1 },
      sampling_rate: { description: 'Share of the requests.', type: 'number', minimum: 0, maximum: 1 },
    },
  };
}

/** config.pbtxt → ModelConfig, field by field. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import type { ModelConfig } from '../../../src/config/model-config.ts';
import { ModelKey, type ModelKeys } from '../../../src/config/model-key.ts';
import { modelOfEntry, type RepositoryModel } from '../../../src/features/triton-repository/config/model-of-config.ts';
import { TRITON } from '../../../src/features/triton-repository/config/triton-model.ts';
import { FEATURES } from '../../../src/pillion.ts';

const DIRECTORY = '/repository/m';
/** Stand for features'. */
const CACHE = new ModelKey({ name: 'cache', schema: v.unknown(), help: '' });
const SEQUENCES = new ModelKey({ name: 'sequences', schema: v.unknown(), help: '' });
const PATH = `${DIRECTORY}/config.pbtxt`;

function read(text: string, modelKeys: ModelKeys = [CACHE, SEQUENCES]): RepositoryModel {
  const entry = { name: 'm', directory: DIRECTORY, file: { bytes: Buffer.from(text) } };
  return modelOfEntry(entry, { executionProvider: 'cpu', modelKeys });
}

/** The model of a file without mistakes and without warnings. */
function modelOf(text: string): ModelConfig {
  const { model, warnings } = read(text);
  assert.equal(model.refusal, undefined);
  assert.deepEqual(warnings, []);
  return model;
}

/** The model of a file with one warning. */
function warned(text: string, warning: string): ModelConfig {
  const { model, warnings } = read(text);
  assert.equal(model.refusal, undefined);
  assert.deepEqual(warnings, [`model "m": ${PATH}:${warning}`]);
  return model;
}

const refusalOf = (text: string): string => read(text).model.refusal ?? 'none';

const X = 'input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }';
const Y = 'output { name: "y" data_type: TYPE_FP32 dims: [ 1 ] }';

describe('config.pbtxt: what holds', () => {
  it('is the whole of a usual file', () => {
    const model = modelOf(`
      name: "m"
      platform: "onnxruntime_onnx"
      backend: "onnxruntime"
      default_model_filename: "net.onnx"
      max_batch_size: 16
      input [ { name: "x" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, -1, 2 ] reshape { shape: [ 3, -1, 1, 2 ] } } ]
      output [ { name: "y" data_type: TYPE_STRING dims: [ 10 ] label_filename: "labels.txt" } ]
      version_policy { all { } }
      instance_group [ { name: "cpus" count: 2 kind: KIND_CPU } ]
      dynamic_batching { max_queue_delay_microseconds: 100 default_queue_policy { max_queue_size: 100 } }
      model_transaction_policy { decoupled: false }`);
    const { featureKeys, ...rest } = model;
    const triton = TRITON.of({ featureKeys });
    assert.deepEqual(rest, {
      name: 'm',
      basePath: DIRECTORY,
      versionPolicy: { kind: 'all' },
      versionLabels: new Map(),
      backend: 'onnx',
      executionProvider: 'cpu',
      host: undefined,
      batching: { maxEnqueuedBatches: 7, maxBatchSize: 16, batchTimeoutMicros: 100, numBatchThreads: 2 },
      declaredBatching: { inputs: new Map([['x', 0]]), outputs: new Map([['y', 0]]) },
      configuredBy: 'config.pbtxt',
    });
    assert.equal(triton!.directory, DIRECTORY);
    assert.equal(triton!.hasConfigFile, true);
    assert.equal(triton!.config.output[0]!.labelFilename, 'labels.txt');
  });

  it('is nothing where there is no file, or an empty one: the model says all', () => {
    const file = { error: 'there is no such file', isMissing: true };
    const { model, warnings } = modelOfEntry({ name: 'm', directory: DIRECTORY, file }, { executionProvider: 'cuda' });
    assert.deepEqual(warnings, []);
    assert.equal(model.refusal, undefined);
    assert.equal(TRITON.of(model)!.hasConfigFile, false);
    for (const each of [model, modelOf('')]) {
      assert.equal(each.backend, undefined);
      assert.equal(each.batching, undefined);
      assert.equal(each.declaredBatching, undefined);
      assert.deepEqual(each.versionPolicy, { kind: 'latest', count: 1 });
    }
    assert.equal(model.executionProvider, 'cuda');
  });

  it('says which runtime opens the files', () => {
    for (const [text, backend] of [
      ['platform: "onnxruntime_onnx"', 'onnx'],
      ['backend: "onnxruntime"', 'onnx'],
      ['platform: "tensorflow_savedmodel"', 'saved_model'],
      ['backend: "tensorflow"', 'saved_model'],
      ['backend: "tensorflow" platform: "tensorflow_savedmodel"', 'saved_model'],
      ['name: "m"', undefined],
    ] as const) {
      assert.equal(modelOf(text).backend, backend, text);
    }
  });

  it('says which versions are served', () => {
    for (const [policy, wanted] of [
      ['latest { num_versions: 3 }', { kind: 'latest', count: 3 }],
      ['latest { }', { kind: 'latest', count: 1 }],
      ['all { }', { kind: 'all' }],
      ['specific { versions: [ 1, 3, 1 ] }', { kind: 'specific', versions: [1n, 3n] }],
    ] as const) {
      assert.deepEqual(modelOf(`version_policy: { ${policy} }`).versionPolicy, wanted, policy);
    }
  });

  it('says how many sessions there are, and on which device', () => {
    const instances = (text: string): readonly unknown[] => {
      const { batching, executionProvider } = modelOf(text);
      return [batching?.numBatchThreads, executionProvider];
    };
    assert.deepEqual(instances('instance_group { count: 3 }'), [3, 'cpu']);
    assert.deepEqual(instances('instance_group { kind: KIND_CPU }'), [1, 'cpu']);
    assert.deepEqual(instances('instance_group [ { kind: KIND_GPU count: 2 }, { kind: KIND_GPU } ]'), [3, 'cuda']);
    assert.deepEqual(instances('instance_group { kind: KIND_GPU count: 2 gpus: [ 0, 1 ] }'), [4, 'cuda']);
    assert.deepEqual(instances(''), [undefined, 'cpu']);
    const devices = (text: string): unknown => modelOf(`instance_group [ ${text} ]`).devices;
    assert.deepEqual(devices('{ kind: KIND_GPU count: 2 gpus: [ 0, 1 ] }'), [0, 0, 1, 1]);
    assert.deepEqual(devices('{ kind: KIND_GPU gpus: 2 }, { kind: KIND_GPU count: 2 gpus: 1 }'), [2, 1, 1]);
    for (const first of ['{ kind: KIND_GPU count: 2 }', '{ kind: KIND_GPU gpus: 0 }', '{ kind: KIND_CPU }']) {
      assert.equal(devices(first), undefined, first);
    }
  });

  it('keeps the steps of an ensemble', () => {
    const model = modelOf(`platform: "ensemble" max_batch_size: 4
      ensemble_scheduling { step [
        { model_name: "a" model_version: -1 input_map { key: "in" value: "X" } output_map { key: "out" value: "mid" } },
        { model_name: "b" model_version: 2 input_map { key: "x" value: "mid" } }
      ] }`);
    assert.deepEqual(TRITON.of(model)!.ensemble, {
      steps: [
        { model: 'a', version: undefined, inputMap: new Map([['in', 'X']]), outputMap: new Map([['out', 'mid']]) },
        { model: 'b', version: 2n, inputMap: new Map([['x', 'mid']]), outputMap: new Map() },
      ],
    });
    assert.equal(TRITON.of(modelOf(`${X} ${Y}`))!.ensemble, undefined);
  });
});

describe('config.pbtxt: batches', () => {
  it('are off with max_batch_size 0, and with none in a file that names tensors', () => {
    assert.equal(modelOf(`max_batch_size: 0 ${X} ${Y}`).declaredBatching, 'off');
    assert.equal(modelOf(`${X} ${Y}`).declaredBatching, 'off');
  });

  it('are declared by dynamic_batching alone; without it the server proves them', () => {
    const plain = modelOf(`max_batch_size: 8 ${X} ${Y}`);
    assert.equal(plain.declaredBatching, undefined);
    assert.deepEqual(plain.batching, { maxBatchSize: 8, maxEnqueuedBatches: 800 });
    const dynamic = modelOf(`max_batch_size: 8 ${X} ${Y} dynamic_batching { }`);
    assert.deepEqual(dynamic.declaredBatching, { inputs: new Map([['x', 0]]), outputs: new Map([['y', 0]]) });
    assert.equal(modelOf('max_batch_size: 8 dynamic_batching { }').declaredBatching, undefined);
  });

  it('take the queue’s timeout as the latency objective, and say so', () => {
    const policy = (text: string): string => `max_batch_size: 8\ndynamic_batching { default_queue_policy { ${text} } }`;
    const model = warned(
      policy('default_timeout_microseconds: 250000'),
      '2:43: default_timeout_microseconds becomes slo_ms: 250 ms from a request’s arrival to its answer',
    );
    assert.equal(model.sloMs, 250);
    const short = warned(
      policy('default_timeout_microseconds: 100'),
      '2:43: default_timeout_microseconds has no effect: a deadline counts the run too, so at least 50 ms are taken; see slo_ms',
    );
    assert.equal(short.sloMs, undefined);
    const delayed = warned(
      policy('timeout_action: DELAY default_timeout_microseconds: 250000'),
      '2:65: default_timeout_microseconds has no effect: a late request is refused here, not delayed (timeout_action)',
    );
    assert.equal(delayed.sloMs, undefined);
  });

  it('are not made without a batch dim', () => {
    const { batching } = warned(
      'dynamic_batching { default_queue_policy { max_queue_size: 5 } }',
      '1:1: dynamic_batching has no effect: max_batch_size is 0, so each request is run as it came',
    );
    assert.deepEqual(batching, { maxEnqueuedBatches: 5 });
  });
});

const STATE = 'input_name: "h" output_name: "hN" data_type: TYPE_FP32 dims: [ -1, 4 ]';
const START = 'name: "S" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] }';

describe('config.pbtxt: sequences', () => {
  it('have bounds, a queue and rows that share runs', () => {
    const model = modelOf(`max_batch_size: 8 ${X} ${Y} sequence_batching {
      max_sequence_idle_microseconds: 2500 direct { max_queue_delay_microseconds: 70 }
      control_input { ${START} } state { ${STATE} } }`);
    assert.deepEqual(SEQUENCES.of(model), { idle_ms: 3n });
    assert.equal(model.batching!.batchTimeoutMicros, 70);
    assert.deepEqual(model.declaredBatching, { inputs: new Map([['x', 0]]), outputs: new Map([['y', 0]]) });
    assert.deepEqual(SEQUENCES.of(modelOf('sequence_batching { }')), {});
    assert.equal(modelOf('sequence_batching { oldest { } }').declaredBatching, undefined);
  });

  it('run no model_warmup', () => {
    const text = 'model_warmup { name: "w" } sequence_batching { }';
    warned(text, '1:14: model_warmup has no effect: its requests are no steps of a sequence');
  });

  for (const [text, refusal] of [
    ['control_input { control { } }', /:1:\d+: control_input "": its name is missing/],
    ['control_input { name: "S" }', /"S": it needs one control/],
    [
      'control_input { name: "S" control { int32_false_true: [ 0 ] } }',
      /it needs one of int32_false_true, .+ two values/,
    ],
    [
      `control_input { ${START} } control_input { ${START.replace('"S"', '"T"')} }`,
      /"T": another control_input has the same/,
    ],
    ['control_input { name: "S" control { kind: CONTROL_SEQUENCE_CORRID } }', /an id has the data_type TYPE_UINT64/],
    [`control_input { ${START.replace('"S"', '"x"')} }`, /input "x" is listed twice/],
    [`state { ${STATE} } state { ${STATE} }`, /input "h" is listed twice/],
    ['state { input_name: "h" }', /state "h": it needs an input_name and an output_name/],
    [`state { ${STATE} initial_state { data_type: TYPE_FP32 dims: [ 2, 3 ] zero_data: true } }`, /do not fit its own/],
    [`state { ${STATE} initial_state { data_type: TYPE_FP32 dims: [ -1, 4 ] zero_data: true } }`, /all have sizes/],
    [
      `state { ${STATE} initial_state { data_type: TYPE_FP32 dims: [ 2, 4 ] } }`,
      /needs zero_data: true or a data_file/,
    ],
    [
      `state { ${STATE} initial_state { data_type: TYPE_FP32 dims: [ 2, 4 ] data_file: "../x" } }`,
      /data_file "\.\.\/x" is no name in the directory initial_state/,
    ],
  ] as const) {
    it(`are refused: ${text}`, () => assert.match(refusalOf(`${X} sequence_batching { ${text} }`), refusal));
  }
});

it('config.pbtxt: response_cache is a cache of the default size', () => {
  assert.deepEqual(CACHE.of(modelOf('response_cache { enable: true }')), { max_mib: 64n });
  assert.equal(CACHE.of(modelOf('response_cache { enable: false }')), undefined);
});

it('config.pbtxt: sequence_batching refuses the model on a server without the feature', () => {
  const { model } = read('sequence_batching { }', [CACHE]);
  assert.match(model.refusal!, /sequence_batching needs the feature sequences/);
});

it('config.pbtxt: response_cache has no effect on a server without the feature', () => {
  const { model, warnings } = read('response_cache { enable: true }', []);
  assert.equal(CACHE.of(model), undefined);
  assert.match(warnings.join(), /config\.pbtxt:1:1: response_cache has no effect: this server is without/);
});

describe('config.pbtxt: what has no effect', () => {
  for (const [field, text, place = '1:1'] of [
    [
      'parameters (intra_op_thread_count)',
      'parameters { key: "intra_op_thread_count" value { string_value: "2" } }',
      '1:12',
    ],
    ['optimization.graph', 'optimization { graph { level: 1 } }', '1:16'],
    [
      'optimization.execution_accelerators',
      'optimization { execution_accelerators { gpu_execution_accelerator: { name: "tensorrt" } } }',
      '1:16',
    ],
    ['optimization.cuda', 'optimization { cuda { graphs: true } }', '1:16'],
    [
      'sequence_batching.direct.minimum_slot_utilization',
      'sequence_batching { direct { minimum_slot_utilization: 0.5 } }',
      '1:30',
    ],
    [
      'sequence_batching.oldest.max_candidate_sequences',
      'sequence_batching { oldest { max_candidate_sequences: 4 } }',
      '1:30',
    ],
    [
      'sequence_batching.oldest.preferred_batch_size',
      'sequence_batching { oldest { preferred_batch_size: [ 4 ] } }',
      '1:54',
    ],
    ['sequence_batching.oldest.preserve_ordering', 'sequence_batching { oldest { preserve_ordering: true } }', '1:30'],
    [
      'sequence_batching.state.use_growable_memory',
      'sequence_batching { state { input_name: "h" output_name: "k" data_type: TYPE_FP32 dims: 1 use_growable_memory: true } }',
      '1:91',
    ],
    ['metric_tags (a, b)', 'metric_tags { key: "a" value: "1" } metric_tags { key: "b" value: "2" }', '1:13'],
    ['cc_model_filenames (7.5)', 'cc_model_filenames { key: "7.5" value: "m.onnx" }', '1:20'],
    ['model_operations', 'model_operations { op_library_filename: "x.so" }'],
    ['model_metrics', 'model_metrics { }'],
    ['runtime', 'runtime: "x"'],
    ['input.optional', 'input { name: "x" data_type: TYPE_FP32 dims: 1 optional: true }', '1:48'],
    ['input.allow_ragged_batch', 'input { name: "x" data_type: TYPE_FP32 dims: 1 allow_ragged_batch: true }', '1:48'],
    [
      'input.is_non_linear_format_io',
      'input { name: "x" data_type: TYPE_FP32 dims: 1 is_non_linear_format_io: true }',
      '1:48',
    ],
    ['instance_group.rate_limiter', 'instance_group { rate_limiter { priority: 1 } }', '1:18'],
    ['instance_group.passive', 'instance_group { passive: true }', '1:18'],
    ['instance_group.profile', 'instance_group { profile: "1" }', '1:27'],
    ['instance_group.host_policy', 'instance_group { host_policy: "a" }', '1:18'],
    ['instance_group.secondary_devices', 'instance_group { secondary_devices { device_id: 1 } }', '1:36'],
    [
      'dynamic_batching.preferred_batch_size',
      'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4, 8 ] }',
      '1:62',
    ],
    ['dynamic_batching.preserve_ordering', 'max_batch_size: 8 dynamic_batching { preserve_ordering: true }', '1:38'],
    ['dynamic_batching.priority_levels', 'max_batch_size: 8 dynamic_batching { priority_levels: 3 }', '1:38'],
    [
      'dynamic_batching.default_priority_level',
      'max_batch_size: 8 dynamic_batching { default_priority_level: 2 }',
      '1:38',
    ],
    [
      'dynamic_batching.priority_queue_policy (1)',
      'max_batch_size: 8 dynamic_batching { priority_queue_policy { key: 1 value { } } }',
      '1:60',
    ],
    [
      'dynamic_batching.default_queue_policy.allow_timeout_override',
      'max_batch_size: 8 dynamic_batching { default_queue_policy { allow_timeout_override: true } }',
      '1:61',
    ],
  ] as const) {
    it(`is told: ${field}`, () => {
      const { model, warnings } = read(text);
      assert.equal(model.refusal, undefined);
      assert.equal(warnings.length, 1, warnings.join('\n'));
      assert.ok(warnings[0]!.startsWith(`model "m": ${PATH}:${place}: ${field} has no effect: `), warnings[0]);
    });
  }

  it('is told once, however often it stands', () => {
    const { warnings } = read('instance_group [ { passive: true }, { passive: true } ]');
    assert.equal(warnings.length, 1);
  });

  it('is a second kind of instances, and GPUs of instances on the CPU', () => {
    const model = warned(
      'instance_group [ { kind: KIND_CPU }, { kind: KIND_GPU } ]',
      '1:40: instance_group has several kinds; all instances are of the first one’s',
    );
    assert.equal(model.executionProvider, 'cpu');
    warned(
      'instance_group { kind: KIND_CPU gpus: [ 0, 1 ] }',
      '1:16: instance_group.gpus has no effect: the kind is not KIND_GPU',
    );
    warned('instance_group { kind: KIND_MODEL }', '1:18: KIND_MODEL has no effect: the server says where a model runs');
  });
});

describe('config.pbtxt: what refuses the model', () => {
  for (const [text, refusal] of [
    ['name: "other"', /:1:1: the name is "other", but the directory is "m"; make them equal/],
    ['backend: "python"', /:1:1: backend "python" is not served here; served are backend "onnxruntime"/],
    ['platform: "tensorrt_plan"', /:1:1: platform "tensorrt_plan" is not served here/],
    ['platform: "tensorflow_graphdef"', /is not served here/],
    [
      'backend: "tensorflow" platform: "onnxruntime_onnx"',
      /backend "tensorflow" and platform "onnxruntime_onnx" differ/,
    ],
    [
      'platform: "onnxruntime_onnx" ensemble_scheduling { step { model_name: "a" } }',
      /:1:30: ensemble_scheduling needs the platform "ensemble", and no backend/,
    ],
    ['default_model_filename: "../other/1/model.onnx"', /is no name in the version's directory/],
    ['max_batch_size: -1', /max_batch_size -1 is negative/],
    ['instance_group { count: -1 }', /count -1 of instance_group is negative/],
    ['instance_group { count: 5000 }', /5000 instances are too many; at most 1024/],
    ['version_policy { specific { } }', /specific names no version/],
    ['version_policy { specific { versions: 0 } }', /0 is no version; they begin with 1/],
    ['sequence_batching { iterative_sequence: true }', /:1:21: sequence_batching.iterative_sequence is not supported/],
    ['batch_input { kind: BATCH_ELEMENT_COUNT }', /batch_input is not supported/],
    ['batch_output { }', /batch_output is not supported/],
    ['model_repository_agents { agents { name: "checksum" } }', /model_repository_agents is not supported/],
    ['model_transaction_policy { decoupled: true }', /decoupled is not supported: a request has one answer/],
    ['input { data_type: TYPE_FP32 dims: 1 }', /input "": its name is missing/],
    ['input { name: "x" dims: 1 }', /input "x": its data_type is missing/],
    ['input { name: "x" data_type: TYPE_FP32 }', /input "x": its dims are missing/],
    ['output { name: "y" data_type: TYPE_FP32 dims: 0 }', /output "y": 0 is no dim; 1 or more, or -1/],
    [`${X} ${X}`, /input "x": it is listed twice/],
    [
      'input { name: "x" data_type: TYPE_FP32 dims: [ 4, -1 ] reshape { shape: [ 4 ] } }',
      /another number of free dims/,
    ],
    ['input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] reshape { shape: [ 2, 3 ] } }', /another number of elements/],
    ['max_batch_size: 4 model_warmup { batch_size: 8 }', /batch_size 8 is more than max_batch_size 4/],
    ['model_warmup { batch_size: 2 }', /batch_size 2 needs a max_batch_size above 0/],
    [
      'model_warmup { name: "w" inputs { key: "x" value { data_type: TYPE_FP32 dims: 1 } } }',
      /model_warmup "w": input "x": say zero_data: true/,
    ],
    [
      'model_warmup { inputs { key: "x" value { data_type: TYPE_FP32 dims: 1 input_data_file: "../x" } } }',
      /input_data_file "\.\.\/x" is no name in the directory warmup/,
    ],
    [
      `${X} model_warmup { inputs { key: "x" value { data_type: TYPE_INT8 dims: 4 zero_data: true } } }`,
      /input "x" is TYPE_INT8, but TYPE_FP32 in input/,
    ],
  ] as const) {
    it(text, () => assert.match(refusalOf(text), refusal));
  }

  it('has all mistakes at once', () => {
    const refusal = refusalOf('max_batch_size: -1\ninstance_group { count: -1 }');
    assert.match(refusal, /:2:18: count -1 .+; .+:1:1: max_batch_size -1/);
  });

  for (const [what, text, refusal] of [
    [
      'an unknown field',
      'max_batch_sise: 1',
      /:1:1: inference\.ModelConfig has no field "max_batch_sise"; did you mean "max_batch_size"/,
    ],
    [
      'a value of another type',
      'max_batch_size: "8"',
      /:1:17: max_batch_size: wants a whole number \(int32\), not a string/,
    ],
    ['an unknown data type', 'input { data_type: FP32 }', /:1:20: data_type: "FP32" is no value of the enum/],
    [
      'a brace that is not closed',
      'input {\n  name: "x"\n',
      /:3:1: the text ends inside inference\.ModelInput; a "}" is missing/,
    ],
    [
      'two schedulers',
      'dynamic_batching { } sequence_batching { }',
      /exclude each other: they are of the oneof scheduling_choice/,
    ],
    ['bytes that are no text', '\ufffd{', /:1:1: /],
  ] as const) {
    it(`names the place of ${what}`, () => assert.match(refusalOf(text), refusal));
  }

  it('is a name that two repositories have', () => {
    const file = { bytes: Buffer.from('') };
    const entry = { name: 'm', directory: DIRECTORY, file, twin: '/other/m' };
    const { model } = modelOfEntry(entry, { executionProvider: 'cpu' });
    assert.equal(model.refusal, 'model "m" is in two repositories: /repository/m and /other/m');
  });
});

const RESPONSE_CACHE = FEATURES.modelKeys.find(({ name }) => name === 'cache');

it('config.pbtxt: response_cache is a cache of the default size', { skip: RESPONSE_CACHE === undefined }, () => {
  const { model } = read('response_cache { enable: true }', [RESPONSE_CACHE!]);
  assert.deepEqual(RESPONSE_CACHE!.of(model), { maxMib: 64, ttlMs: 600_000 });
});

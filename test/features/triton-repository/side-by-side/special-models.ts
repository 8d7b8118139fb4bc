/** Ensembles, sequences, settings, odd names, and models that no server can load. */
import { Buffer } from 'node:buffer';
import type { DType } from '../../../../src/core/dtype.ts';
import { type OnnxValue, onnxElementType } from '../../../support/onnx-model.ts';
import {
  entries,
  floats,
  type Graph,
  identity,
  node,
  ORT,
  sum,
  sumEntries,
  type Tensor,
  TYPES,
  value,
  type Writer,
} from './model-writer.ts';

function step(model: string, version: number, inputs: string, outputs: string): string {
  const maps = (field: string, pairs: string): string =>
    pairs
      .split(' ')
      .map((pair) => `${field} { key: "${pair.split('=')[0]}" value: "${pair.split('=')[1]}" }`)
      .join(' ');
  return `{ model_name: "${model}" model_version: ${version} ${maps('input_map', inputs)} ${maps('output_map', outputs)} }`;
}

export function ensembles(repository: Writer): void {
  const sums = [
    step('simple', -1, 'INPUT0=E_IN0 INPUT1=E_IN1', 'OUTPUT0=E_SUM OUTPUT1=diff'),
    step('simple', 1, 'INPUT0=E_SUM INPUT1=diff', 'OUTPUT0=E_ALL'),
  ];
  const whole =
    entries('input', ['E_IN0', 'INT32', [16]], ['E_IN1', 'INT32', [16]]) +
    entries('output', ['E_SUM', 'INT32', [16]], ['E_ALL', 'INT32', [16]]);
  const head = 'platform: "ensemble"\nmax_batch_size: ';
  repository.config('ens', `${head}8\n${whole}ensemble_scheduling { step [ ${sums.join(', ')} ] }\n`);
  const texts = [step('dyn_mm', -1, 'a=A b=B', 'text=t positive=P'), step('idn_bytes', -1, 'INPUT0=t', 'OUTPUT0=T')];
  const tensors =
    entries('input', ['A', 'FP32', [-1, -1]], ['B', 'FP32', [-1, -1]]) +
    entries('output', ['T', 'BYTES', [-1, -1]], ['P', 'BOOL', [-1, -1]]);
  repository.config('ens_nb', `${head}0\n${tensors}ensemble_scheduling { step [ ${texts.join(', ')} ] }\n`);
  for (const model of ['ens', 'ens_nb']) repository.emptyVersion(model);
}

export function sequences(repository: Writer): void {
  const idle = 'max_sequence_idle_microseconds: 5000000';
  const start = '{ name: "START" control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } ] }';
  const state = 'state [ { input_name: "STATE_IN" output_name: "STATE_OUT" data_type: TYPE_FP32 dims: [ 1 ] } ]';
  const rows = entries('input', ['INPUT', 'FP32', [1]]) + entries('output', ['OUTPUT', 'FP32', [1]]);
  const column = (name: string, dtype: DType): OnnxValue => value(name, dtype, ['b', 1]);
  const accumulator: Graph = {
    nodes: [
      node('Cast', 'START', 's', { to: onnxElementType('float32') }),
      node('Sub', 'one|s', 'keep'),
      node('Mul', 'STATE_IN|keep', 'kept'),
      node('Add', 'INPUT|kept', 'OUTPUT'),
      node('Identity', 'OUTPUT', 'STATE_OUT'),
    ],
    inputs: [column('INPUT', 'float32'), column('START', 'float32'), column('STATE_IN', 'float32')],
    outputs: [column('OUTPUT', 'float32'), column('STATE_OUT', 'float32')],
    initializers: [floats('one', [1], 1)],
  };
  for (const [model, strategy] of [
    ['seq_state', 'direct { }'],
    ['seq_oldest', 'oldest { max_candidate_sequences: 4 }'],
  ] as const) {
    repository.graph(model, accumulator);
    const batching = `sequence_batching { ${strategy} ${idle} control_input [ ${start} ] ${state} }\n`;
    repository.config(model, `${ORT}max_batch_size: 4\n${rows}${batching}`);
  }
  const pairs = [
    ['INPUT', 'OUTPUT', 'INT32'],
    ['START', 'S', 'INT32'],
    ['END', 'E', 'FP32'],
    ['READY', 'R', 'BOOL'],
    ['CORRID', 'C', 'UINT64'],
  ] as const;
  repository.graph('seq_ctl', {
    nodes: pairs.map(([from, to]) => node('Identity', from, to)),
    inputs: pairs.map(([from, , type]) => column(from, TYPES[type]!)),
    outputs: pairs.map(([, to, type]) => column(to, TYPES[type]!)),
  });
  const control = (name: string, what: string): string =>
    `{ name: "${name}" control [ { kind: CONTROL_SEQUENCE_${what} } ] }`;
  const controls = [
    control('START', 'START int32_false_true: [ 0, 1 ]'),
    control('END', 'END fp32_false_true: [ 0, 1 ]'),
    control('READY', 'READY bool_false_true: [ false, true ]'),
    control('CORRID', 'CORRID data_type: TYPE_UINT64'),
  ];
  const outputs = pairs.map(([, to, type]): Tensor => [to, type, [1]]);
  const tensors = entries('input', ['INPUT', 'INT32', [1]]) + entries('output', ...outputs);
  const batching = `sequence_batching { ${idle} control_input [ ${controls.join(', ')} ] }\n`;
  repository.config('seq_ctl', `${ORT}max_batch_size: 4\n${tensors}${batching}`);
}

/** Cache, warm-up, priorities. */
export function settings(repository: Writer): void {
  repository.graph('cached', sum('int32'));
  repository.config('cached', `${ORT}max_batch_size: 8\n${sumEntries('INT32')}response_cache { enable: true }\n`);
  const floats32 = `${ORT}max_batch_size: 8\n${sumEntries('FP32')}`;
  const sample = (name: string, data: string): string =>
    `inputs { key: "${name}" value { data_type: TYPE_FP32 dims: [ 16 ] ${data}: true } }`;
  const samples = `${sample('INPUT0', 'zero_data')} ${sample('INPUT1', 'random_data')}`;
  repository.graph('warm', sum('float32'));
  repository.config('warm', `${floats32}model_warmup [ { name: "w" batch_size: 2 ${samples} } ]\n`);
  repository.graph('prio', sum('float32'));
  repository.config(
    'prio',
    `${floats32}dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 1000
 priority_levels: 4 default_priority_level: 2
 default_queue_policy {
  timeout_action: REJECT default_timeout_microseconds: 60000000 allow_timeout_override: true max_queue_size: 128 }
 priority_queue_policy { key: 4 value { timeout_action: DELAY default_timeout_microseconds: 10000000 } } }
parameters { key: "hello" value: { string_value: "world" } }
metric_tags { key: "team" value: "a" }
`,
  );
}

export function names(repository: Writer): void {
  const tensors = entries('input', ['in/put:0', 'FP32', [2]]) + entries('output', ['out put', 'FP32', [2]]);
  for (const model of ['a.b-c_d', 'stats', 'Ünï_modèle', 'with space', 'config']) {
    repository.graph(model, identity('in/put:0|out put', 'float32', ['b', 2]));
    repository.config(model, `${ORT}max_batch_size: 4\n${tensors}`);
  }
}

/** Each has a fault of its own. */
export function broken(repository: Writer): void {
  const head = `${ORT}max_batch_size: 8\n`;
  const output = entries('output', ['OUTPUT0', 'INT32', [16]]);
  const inputs = (name: string, datatype: string): string =>
    entries('input', [name, datatype, [16]], ['INPUT1', 'INT32', [16]]);
  repository.config('bad_dtype', head + inputs('INPUT0', 'FP32') + output);
  repository.config('bad_name', head + inputs('NOPE', 'INT32') + output);
  repository.config('bad_syntax', 'max_batch_size: 8\nfoo {');
  for (const model of ['bad_dtype', 'bad_name', 'bad_syntax']) repository.graph(model, sum('int32'));
  repository.config('bad_file', head);
  repository.file('bad_file', '1/model.onnx', Buffer.from('this is no model'));
  repository.config('bad_noversion', head);
}

/** Files that show less than the graph has. */
export function views(repository: Writer): void {
  const inputs = entries('input', ['INPUT0', 'INT32', [16]], ['INPUT1', 'INT32', [16]]);
  repository.graph('subset', sum('int32'));
  repository.config('subset', `${ORT}max_batch_size: 8\n${inputs}${entries('output', ['OUTPUT1', 'INT32', [16]])}`);
  repository.graph('narrow', identity('x|y', 'float32'));
  const three = entries('input', ['x', 'FP32', [3]]) + entries('output', ['y', 'FP32', [3]]);
  repository.config('narrow', `${ORT}max_batch_size: 8\n${three}`);
  repository.graph('softm', {
    ...identity('x|prob', 'float32', ['b', 5]),
    nodes: [node('Softmax', 'x', 'prob', { axis: -1 })],
  });
  const scores =
    entries('input', ['x', 'FP32', [5]]) + entries('output', ['prob', 'FP32', [5], 'label_filename: "classes.txt"']);
  const more = 'dynamic_batching { preferred_batch_size: [ 4 ] }\ninstance_group [ { count: 2 kind: KIND_CPU } ]\n';
  repository.config('softm', `${ORT}max_batch_size: 8\n${scores}${more}`);
  repository.file('softm', 'classes.txt', 'cat\ndog\ntree house\nübung\n');
}

/**
 * The 70 models that Triton served when its answers were recorded: identities of every type, sums, versions, sequences,
 * ensembles, names with odd characters, and files that no server can load.
 */
import { onnxElementType } from '../../../support/onnx-model.ts';
import {
  entries,
  floats,
  identity,
  node,
  ORT,
  PLATFORM,
  sum,
  sumEntries,
  type Tensor,
  TYPES,
  value,
  Writer,
} from './model-writer.ts';
import { broken, ensembles, names, sequences, settings, views } from './special-models.ts';

/** Writes the repository into an empty directory. */
export function writeModels(directory: string): void {
  const repository = new Writer(directory);
  identities(repository);
  sums(repository);
  withoutConfig(repository);
  versions(repository);
  shapes(repository);
  values(repository);
  ensembles(repository);
  sequences(repository);
  settings(repository);
  names(repository);
  broken(repository);
  views(repository);
}

function identities(repository: Writer): void {
  for (const [datatype, dtype] of Object.entries(TYPES)) {
    const low = datatype.toLowerCase();
    const graph = identity('INPUT0|OUTPUT0', dtype);
    repository.graph(`id_${low}`, graph);
    const rows = entries('input', ['INPUT0', datatype, [-1]]) + entries('output', ['OUTPUT0', datatype, [-1]]);
    repository.config(`id_${low}`, `${ORT}max_batch_size: 8\n${rows}dynamic_batching { }\n`);
    repository.graph(`idn_${low}`, graph);
    const whole = entries('input', ['INPUT0', datatype, [-1, -1]]) + entries('output', ['OUTPUT0', datatype, [-1, -1]]);
    repository.config(`idn_${low}`, `${ORT}max_batch_size: 0\n${whole}`);
  }
}

function sums(repository: Writer): void {
  const labels = Array.from({ length: 10 }, (_, i) => `label${i}\n`).join('');
  for (const datatype of ['INT32', 'FP32', 'INT64', 'FP64']) {
    const model = datatype === 'INT32' ? 'simple' : `simple_${datatype.toLowerCase()}`;
    repository.graph(model, sum(TYPES[datatype]!));
    const tensors = sumEntries(datatype, 'label_filename: "labels.txt"');
    repository.config(model, `${PLATFORM}max_batch_size: 8\n${tensors}dynamic_batching { }\n`);
    repository.file(model, 'labels.txt', labels);
  }
  repository.graph('simple_nobatch', sum('int32', [16]));
  repository.config('simple_nobatch', ORT + sumEntries('INT32'));
  repository.graph('simple_nodyn', sum('float32'));
  repository.config('simple_nodyn', `${ORT}max_batch_size: 4\n${sumEntries('FP32')}`);
}

function withoutConfig(repository: Writer): void {
  repository.graph('auto_simple', sum('int32'));
  repository.graph('auto_nobatch', sum('int32', [16]));
  repository.graph('auto_dyn', {
    nodes: [node('Add', 'x:0|x:0', 'y/out')],
    inputs: [value('x:0', 'float32', ['b', 'n', 3])],
    outputs: [value('y/out', 'float32', ['b', 'n', 3])],
  });
  repository.graph('auto_text', identity('text|same', 'string', ['', 1]));
  repository.graph('auto_scalar', {
    nodes: [node('ReduceSum', 'x', 'sum', { keepdims: 0 })],
    inputs: [value('x', 'float32', ['', 4])],
    outputs: [value('sum', 'float32', [])],
  });
  repository.graph('part_simple', sum('int32'));
  repository.config('part_simple', `${ORT}max_batch_size: 16\n`);
}

/** y = x + the version. */
function versions(repository: Writer): void {
  const tensors = entries('input', ['x', 'FP32', [2]]) + entries('output', ['y', 'FP32', [2]]);
  const kinds: readonly (readonly [string, readonly number[], string])[] = [
    ['vers', [1, 2, 3, 10], 'specific { versions: [1, 3, 10] }'],
    ['vers_all', [1, 2, 3], 'all { }'],
    ['vers_latest', [1, 2, 3], 'latest { num_versions: 2 }'],
  ];
  for (const [model, all, policy] of kinds) {
    for (const version of all) {
      const graph = {
        nodes: [node('Add', 'x|c', 'y')],
        inputs: [value('x', 'float32', ['b', 2])],
        outputs: [value('y', 'float32', ['b', 2])],
        initializers: [floats('c', [1], version)],
      };
      repository.graph(model, graph, version);
    }
    repository.config(model, `${ORT}max_batch_size: 4\n${tensors}version_policy { ${policy} }\n`);
  }
}

function shapes(repository: Writer): void {
  const scalar = 'reshape { shape: [ ] }';
  repository.graph('scalar_out', {
    nodes: [node('ReduceSum', 'x', 'sum', { keepdims: 0 })],
    inputs: [value('x', 'float32', [4])],
    outputs: [value('sum', 'float32', [])],
  });
  repository.config(
    'scalar_out',
    ORT + entries('input', ['x', 'FP32', [4]]) + entries('output', ['sum', 'FP32', [1], scalar]),
  );
  repository.graph('reshape_b', {
    nodes: [node('Mul', 'x|two', 'y')],
    inputs: [value('x', 'float32', ['b'])],
    outputs: [value('y', 'float32', ['b'])],
    initializers: [floats('two', [], 2)],
  });
  const rows = entries('input', ['x', 'FP32', [1], scalar]) + entries('output', ['y', 'FP32', [1], scalar]);
  repository.config('reshape_b', `${ORT}max_batch_size: 8\n${rows}`);
  repository.graph('reshape_4', {
    nodes: [node('Relu', 'x', 'y')],
    inputs: [value('x', 'float32', ['b', 2, 2])],
    outputs: [value('y', 'float32', ['b', 2, 2])],
  });
  const square = 'reshape { shape: [ 2, 2 ] }';
  const flat = entries('input', ['x', 'FP32', [4], square]) + entries('output', ['y', 'FP32', [4], square]);
  repository.config('reshape_4', `${ORT}max_batch_size: 8\n${flat}`);
  repository.graph('opt_in', {
    nodes: [node('Add', 'x|bias', 'y')],
    inputs: [value('x', 'float32', ['b', 2]), value('bias', 'float32', [1, 2])],
    outputs: [value('y', 'float32', ['b', 2])],
    initializers: [floats('bias', [1, 2], 5, 7)],
  });
  const optional = entries('input', ['x', 'FP32', [-1, 2]], ['bias', 'FP32', [1, 2], 'optional: true']);
  repository.config('opt_in', ORT + optional + entries('output', ['y', 'FP32', [-1, 2]]));
}

function values(repository: Writer): void {
  repository.graph('dyn_mm', {
    nodes: [
      node('MatMul', 'a|b', 'ab'),
      node('Shape', 'ab', 'shape'),
      node('Cast', 'ab', 'text', { to: onnxElementType('string') }),
      node('Greater', 'ab|zero', 'positive'),
    ],
    inputs: [value('a', 'float32', ['n', 'k']), value('b', 'float32', ['k', 'm'])],
    outputs: [
      value('ab', 'float32', ['n', 'm']),
      value('shape', 'int64', [2]),
      value('text', 'string', ['n', 'm']),
      value('positive', 'bool', ['n', 'm']),
    ],
    initializers: [floats('zero', [], 0)],
  });
  const outputs: readonly Tensor[] = [
    ['ab', 'FP32', [-1, -1]],
    ['shape', 'INT64', [2]],
    ['text', 'BYTES', [-1, -1]],
    ['positive', 'BOOL', [-1, -1]],
  ];
  const inputs = entries('input', ['a', 'FP32', [-1, -1]], ['b', 'FP32', [-1, -1]]);
  repository.config('dyn_mm', ORT + inputs + entries('output', ...outputs));
  const log = entries('input', ['x', 'FP32', [4]]) + entries('output', ['y', 'FP32', [4]]);
  repository.graph('nan_out', { ...identity('x|y', 'float32', ['b', 4]), nodes: [node('Log', 'x', 'y')] });
  repository.config('nan_out', `${ORT}max_batch_size: 8\n${log}`);
  repository.graph('gather', {
    nodes: [node('Gather', 'table|i', 'y')],
    inputs: [value('i', 'int64', ['b', 1])],
    outputs: [value('y', 'float32', ['b', 1])],
    initializers: [floats('table', [3], 10, 20, 30)],
  });
  const picked = entries('input', ['i', 'INT64', [1]]) + entries('output', ['y', 'FP32', [1]]);
  repository.config('gather', `${ORT}max_batch_size: 8\n${picked}`);
  repository.graph('strnum', {
    ...identity('INPUT0|OUTPUT0', 'string', ['b', 4]),
    nodes: [
      node('Cast', 'INPUT0', 'n', { to: onnxElementType('int32') }),
      node('Add', 'n|n', 'n2'),
      node('Cast', 'n2', 'OUTPUT0', { to: onnxElementType('string') }),
    ],
  });
  const texts = entries('input', ['INPUT0', 'BYTES', [4]]) + entries('output', ['OUTPUT0', 'BYTES', [4]]);
  repository.config('strnum', `${ORT}max_batch_size: 8\n${texts}`);
}

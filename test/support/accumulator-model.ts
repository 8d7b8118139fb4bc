/** A model with sequence_batching: it adds up what a sequence sends, and tells which step it was told of. */
import { onnxModel } from './onnx-model.ts';

const int = (name: string, dims: readonly (number | string)[] = ['rows', 1]) =>
  ({ name, dtype: 'int32', dims }) as const;

/** OUTPUT = INPUT + SUM, which it is in the next step; SEEN = START + 10 END + 100 READY; WHO = ID. */
export const ACCUMULATOR = onnxModel({
  inputs: [int('INPUT'), int('SUM'), int('START'), int('END'), int('READY'), { ...int('ID'), dtype: 'uint64' }],
  outputs: [int('OUTPUT'), int('SUM_OUT'), int('SEEN'), { ...int('WHO'), dtype: 'uint64' }],
  nodes: [
    { op: 'Add', inputs: ['INPUT', 'SUM'], outputs: ['OUTPUT'] },
    { op: 'Identity', inputs: ['OUTPUT'], outputs: ['SUM_OUT'] },
    { op: 'Mul', inputs: ['END', 'ten'], outputs: ['end'] },
    { op: 'Mul', inputs: ['READY', 'hundred'], outputs: ['ready'] },
    { op: 'Add', inputs: ['START', 'end'], outputs: ['seen'] },
    { op: 'Add', inputs: ['seen', 'ready'], outputs: ['SEEN'] },
    { op: 'Identity', inputs: ['ID'], outputs: ['WHO'] },
  ],
  initializers: [10, 100].map((value, i) => ({
    name: ['ten', 'hundred'][i]!,
    dtype: 'int32' as const,
    dims: [1],
    data: new Uint8Array(Int32Array.of(value).buffer),
  })),
});

const control = (name: string, kind: string): string =>
  `{ name: "${name}" control [ { kind: CONTROL_SEQUENCE_${kind} int32_false_true: [ 0, 1 ] } ] }`;

/** Its config.pbtxt. `initial`: the initial_state of the sum. */
export const accumulatorConfig = (initial = '', more = ''): string => `
  platform: "onnxruntime_onnx" max_batch_size: 8
  input [ { name: "INPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
  output [ { name: "OUTPUT" data_type: TYPE_INT32 dims: [ 1 ] }, { name: "SEEN" data_type: TYPE_INT32 dims: [ 1 ] },
           { name: "WHO" data_type: TYPE_UINT64 dims: [ 1 ] } ]
  sequence_batching {
    max_sequence_idle_microseconds: 10000000
    oldest { max_queue_delay_microseconds: 1000 }
    control_input [ ${control('START', 'START')}, ${control('END', 'END')}, ${control('READY', 'READY')},
      { name: "ID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } ] } ]
    state [ { input_name: "SUM" output_name: "SUM_OUT" data_type: TYPE_INT32 dims: [ 1 ] ${initial} } ]
  } ${more}`;

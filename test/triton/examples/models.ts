/**
 * The models that NVIDIA's client examples ask, by their names there: made here, with the inputs, outputs and arithmetic
 * that the examples count on.
 */
import type { DType } from '../../../src/core/dtype.ts';
import { type OnnxDim, type OnnxNode, type OnnxValue, onnxElementType, onnxModel } from '../../support/onnx-model.ts';
import {
  flagAttr,
  intAttr,
  integers,
  savedModel,
  shapeAttr,
  type TfNode,
  type TfTensorInfo,
  typeAttr,
} from '../../support/saved-model.ts';

export interface ExampleModel {
  readonly config: string;
  /** The only one of version 1; undefined for an ensemble. */
  readonly file: 'model.onnx' | 'model.savedmodel/saved_model.pb' | undefined;
  readonly bytes: Uint8Array;
  /** One a line, in labels.txt. */
  readonly labels?: readonly string[];
}

const WIDTH = 16;
const value = (name: string, dtype: DType, dims: readonly OnnxDim[]): OnnxValue => ({ name, dtype, dims });
const cast = (from: string, to: string, dtype: DType): OnnxNode => ({
  op: 'Cast',
  inputs: [from],
  outputs: [to],
  attributes: { to: onnxElementType(dtype) },
});

function onnx(config: string, inputs: readonly OnnxValue[], outputs: readonly OnnxValue[], nodes: readonly OnnxNode[]) {
  const bytes = onnxModel({ inputs, outputs, nodes });
  return { config: `platform: "onnxruntime_onnx" ${config}`, file: 'model.onnx', bytes } as const;
}

const field = (kind: string, name: string, type: string, dims: string, more = ''): string =>
  `${kind} { name: "${name}" data_type: TYPE_${type} dims: [ ${dims} ] ${more} }\n`;

/** OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1. ONNX Runtime has neither for INT8 and strings. */
function sums(dtype: DType, type: string): ExampleModel {
  const of = (name: string): OnnxValue => value(name, dtype, ['rows', WIDTH]);
  const config = ['INPUT0', 'INPUT1'].map((name) => field('input', name, type, String(WIDTH)));
  const answered = ['OUTPUT0', 'OUTPUT1'].map((name) => field('output', name, type, String(WIDTH)));
  return onnx(
    ['max_batch_size: 8', ...config, ...answered].join('\n'),
    ['INPUT0', 'INPUT1'].map(of),
    ['OUTPUT0', 'OUTPUT1'].map(of),
    [
      cast('INPUT0', 'a', 'int32'),
      cast('INPUT1', 'b', 'int32'),
      { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
      { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] },
      cast('sum', 'OUTPUT0', dtype),
      cast('difference', 'OUTPUT1', dtype),
    ],
  );
}

/** Without a size of its own. */
function identity(): ExampleModel {
  return onnx(
    `max_batch_size: 8 ${field('input', 'INPUT0', 'INT32', '-1')} ${field('output', 'OUTPUT0', 'INT32', '-1')}`,
    [value('INPUT0', 'int32', ['rows', 'n'])],
    [value('OUTPUT0', 'int32', ['rows', 'n'])],
    [{ op: 'Identity', inputs: ['INPUT0'], outputs: ['OUTPUT0'] }],
  );
}

const input = (name: string, dtype: DType, shape: readonly number[]): TfNode => ({
  name,
  op: 'Placeholder',
  attrs: { dtype: typeAttr(dtype), shape: shapeAttr(shape) },
});

function tensorflow(config: string, nodes: readonly TfNode[], from: TfTensorInfo, to: TfTensorInfo, names: string[]) {
  const [given, answered] = names as [string, string];
  const bytes = savedModel({
    nodes,
    signatures: { serving_default: { inputs: { [given]: from }, outputs: { [answered]: to } } },
  });
  return {
    config: `platform: "tensorflow_savedmodel" ${config}`,
    file: 'model.savedmodel/saved_model.pb',
    bytes,
  } as const;
}

/** BYTES as they are, with NUL among them: TensorFlow's strings are bytes, those of ONNX Runtime's binding text. */
function stringIdentity(): ExampleModel {
  const shape = [-1, WIDTH];
  return tensorflow(
    `max_batch_size: 8 ${field('input', 'INPUT0', 'STRING', '16')} ${field('output', 'OUTPUT0', 'STRING', '16')}`,
    [input('x', 'string', shape), { name: 'y', op: 'Identity', inputs: ['x'], attrs: { T: typeAttr('string') } }],
    { name: 'x:0', dtype: 'string', shape },
    { name: 'y:0', dtype: 'string', shape },
    ['INPUT0', 'OUTPUT0'],
  );
}

const flagControl = (kind: string): string =>
  `control_input { name: "${kind}" control { kind: CONTROL_SEQUENCE_${kind} int32_false_true: [ 0, 1 ] } }\n`;
const idControl = (type: string): string =>
  `control_input { name: "CORRID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_${type} } }\n`;
const INT_IN_OUT = `max_batch_size: 8 ${field('input', 'INPUT', 'INT32', '1')} ${field('output', 'OUTPUT', 'INT32', '1')}`;
const row = (name: string, dtype: DType = 'int32'): OnnxValue => value(name, dtype, ['rows', 1]);

/** OUTPUT = INPUT, and one more in a sequence's first step. */
function sequence(): ExampleModel {
  return onnx(
    `${INT_IN_OUT} sequence_batching { direct { } ${flagControl('START')} ${flagControl('READY')} }`,
    [row('INPUT'), row('START'), row('READY')],
    [row('OUTPUT')],
    [
      { op: 'Mul', inputs: ['START', 'READY'], outputs: ['first'] },
      { op: 'Add', inputs: ['INPUT', 'first'], outputs: ['OUTPUT'] },
    ],
  );
}

/** As `sequence`, and the sequence's id more in its last step. */
function oldestSequence(): ExampleModel {
  const controls = ['START', 'END', 'READY'].map(flagControl).join('');
  return onnx(
    `${INT_IN_OUT} sequence_batching { oldest { } ${controls} ${idControl('UINT64')} }`,
    [row('INPUT'), row('START'), row('END'), row('READY'), row('CORRID', 'uint64')],
    [row('OUTPUT')],
    [
      { op: 'Mul', inputs: ['START', 'READY'], outputs: ['first'] },
      cast('CORRID', 'id', 'int32'),
      { op: 'Mul', inputs: ['END', 'id'], outputs: ['last'] },
      { op: 'Add', inputs: ['INPUT', 'first'], outputs: ['begun'] },
      { op: 'Add', inputs: ['begun', 'last'], outputs: ['OUTPUT'] },
    ],
  );
}

/** What the sequence has sent until now, and its id, a text with a number, more in its last step. */
function textSequence(): ExampleModel {
  const controls = ['END', 'READY'].map(flagControl).join('');
  const state = 'state { input_name: "SUM" output_name: "SUM_OUT" data_type: TYPE_INT32 dims: [ 1 ] }';
  return onnx(
    `${INT_IN_OUT} sequence_batching { oldest { } ${controls} ${idControl('STRING')} ${state} }`,
    [row('INPUT'), row('END'), row('READY'), row('CORRID', 'string'), row('SUM')],
    [row('OUTPUT'), row('SUM_OUT')],
    [
      { op: 'Mul', inputs: ['INPUT', 'READY'], outputs: ['step'] },
      cast('CORRID', 'id', 'int32'),
      { op: 'Mul', inputs: ['END', 'id'], outputs: ['last'] },
      { op: 'Add', inputs: ['SUM', 'step'], outputs: ['SUM_OUT'] },
      { op: 'Add', inputs: ['SUM_OUT', 'last'], outputs: ['OUTPUT'] },
    ],
  );
}

const COLOURS = ['red', 'green', 'blue'];

/** The mean of each colour, of one image without a batch, in the odd shape of DenseNet's answer. */
function oneImage(): ExampleModel {
  const asked = field(
    'input',
    'data_0',
    'FP32',
    '3, 224, 224',
    'format: FORMAT_NCHW reshape { shape: [ 1, 3, 224, 224 ] }',
  );
  const answered = field(
    'output',
    'fc6_1',
    'FP32',
    '3',
    'reshape { shape: [ 1, 3, 1, 1 ] } label_filename: "labels.txt"',
  );
  const mean = { op: 'ReduceMean', inputs: ['data_0'], outputs: ['fc6_1'], attributes: { axes: [2, 3], keepdims: 1 } };
  const model = onnx(
    `max_batch_size: 0 ${asked} ${answered}`,
    [value('data_0', 'float32', [1, 3, 224, 224])],
    [value('fc6_1', 'float32', [1, 3, 1, 1])],
    [mean],
  );
  return { ...model, labels: COLOURS };
}

/** The mean of each colour of images with the colours last. */
function images(): ExampleModel {
  const asked = field('input', 'input', 'FP32', '8, 8, 3', 'format: FORMAT_NHWC');
  const mean = { op: 'ReduceMean', inputs: ['input'], outputs: ['colours'], attributes: { axes: [1, 2], keepdims: 0 } };
  const model = onnx(
    `max_batch_size: 128 ${asked} ${field('output', 'colours', 'FP32', '3', 'label_filename: "labels.txt"')}`,
    [value('input', 'float32', ['rows', 8, 8, 3])],
    [value('colours', 'float32', ['rows', 3])],
    [mean],
  );
  return { ...model, labels: COLOURS };
}

/** An image's file → its pixels, 8 × 8. */
function decoder(): ExampleModel {
  const attrs = { T: typeAttr('uint8'), align_corners: flagAttr(false), half_pixel_centers: flagAttr(true) };
  const reshape = { T: typeAttr('string'), Tshape: typeAttr('int32') };
  const decode = { channels: intAttr(3), dtype: typeAttr('uint8'), expand_animations: flagAttr(false) };
  return tensorflow(
    `max_batch_size: 1 ${field('input', 'file', 'STRING', '1')} ${field('output', 'pixels', 'FP32', '8, 8, 3')}`,
    [
      input('x', 'string', [-1, 1]),
      integers('none', new Int32Array(0)),
      { name: 'bytes', op: 'Reshape', inputs: ['x', 'none'], attrs: reshape },
      { name: 'image', op: 'DecodeImage', inputs: ['bytes'], attrs: decode },
      integers('first', Int32Array.of(0), []),
      {
        name: 'batch',
        op: 'ExpandDims',
        inputs: ['image', 'first'],
        attrs: { T: typeAttr('uint8'), Tdim: typeAttr('int32') },
      },
      integers('size', Int32Array.of(8, 8)),
      { name: 'pixels', op: 'ResizeBilinear', inputs: ['batch', 'size'], attrs },
    ],
    { name: 'x:0', dtype: 'string', shape: [-1, 1] },
    { name: 'pixels:0', dtype: 'float32', shape: [-1, 8, 8, 3] },
    ['file', 'pixels'],
  );
}

const step = (model: string, from: readonly [string, string], to: readonly [string, string]): string => `step {
  model_name: "${model}" model_version: -1
  input_map { key: "${from[0]}" value: "${from[1]}" } output_map { key: "${to[0]}" value: "${to[1]}" } }\n`;

/** The colours of an image in a file. */
function ensemble(): ExampleModel {
  const config = `platform: "ensemble" max_batch_size: 1
    ${field('input', 'INPUT', 'STRING', '1')} ${field('output', 'OUTPUT', 'FP32', '3', 'label_filename: "labels.txt"')}
    ensemble_scheduling {
      ${step('decode_image', ['file', 'INPUT'], ['pixels', 'pixels'])}
      ${step('colours', ['input', 'pixels'], ['colours', 'OUTPUT'])}
    }`;
  return { config, file: undefined, bytes: new Uint8Array(), labels: COLOURS };
}

/** By their names. */
export const EXAMPLE_MODELS: Readonly<Record<string, ExampleModel>> = {
  simple: sums('int32', 'INT32'),
  simple_int8: sums('int8', 'INT8'),
  simple_string: sums('string', 'STRING'),
  simple_identity: stringIdentity(),
  custom_identity_int32: identity(),
  simple_sequence: sequence(),
  simple_dyna_sequence: oldestSequence(),
  simple_string_dyna_sequence: textSequence(),
  densenet_onnx: oneImage(),
  colours: images(),
  decode_image: decoder(),
  preprocess_inception_ensemble: ensemble(),
};

/** Answers a request with each of its elements, after a while for each. */
const REPEATER = `backend: "onnxruntime" max_batch_size: 0
  ${field('input', 'IN', 'INT32', '-1')} ${field('input', 'DELAY', 'UINT32', '-1')} ${field('input', 'WAIT', 'UINT32', '1')}
  ${field('output', 'OUT', 'INT32', '1')} ${field('output', 'IDX', 'UINT32', '1')}
  model_transaction_policy { decoupled: true }`;

/** A server has these in its repository, and cannot load them. */
export const REFUSED_MODELS: Readonly<Record<string, ExampleModel>> = {
  repeat_int32: { ...identity(), config: REPEATER },
};

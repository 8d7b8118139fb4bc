/**
 * Checks the inputs of a request against the signature: names, dtypes, shapes, booleans, and UTF-8 where the model wants
 * text.
 * Each error says what was sent, what the model wants, and one fix. A graph may take more shapes than its signature
 * declares, so Predict leaves them to the graph, as TensorFlow Serving does: in a run of its own, where it fails no
 * other. Where the runtime itself refuses other shapes, as ONNX Runtime does, nothing has to run for it.
 */
import type { DType } from '../../core/dtype.ts';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { describeSignature, listNames, quoteName } from '../../core/list-names.ts';
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import { elementCount, formatShape, type Shape, shapeFits } from '../../core/shape.ts';
import { axisOf, hasRows, rowsOfEachRun, type Signature, type TensorSpec } from '../../core/signature.ts';
import { type StringTensor, type Tensor, type TensorMap, wordsOf } from '../../core/tensor.ts';
import { notTextAt, textFault } from '../../core/text.ts';
import { withDefaults } from './fill-defaults.ts';

const WORD_BYTES = Uint32Array.BYTES_PER_ELEMENT;
/** The bits that no byte of a boolean has. */
const OTHER_THAN_BOOLEANS = 0xfefefefe;

/** Called for an input whose shape is not the declared one. */
export interface ShapeJudge {
  /** `error` is the refusal, `spec` the input's; the first one of a request says enough. May throw it. */
  onOddShape(error: ServingError, spec: TensorSpec): void;
  /** The protocol's name of a dtype, for error texts. Absent = our own. */
  dtypeName?(dtype: DType): string;
}

const STRICT: ShapeJudge = {
  onOddShape: (error) => {
    throw error;
  },
};

/** The inputs in the signature's order. Throws `invalid_request`; for a wrong shape unless `judge` lets it pass. */
export function checkInputs(
  model: ResolvedModelSpec,
  signature: Signature,
  inputs: TensorMap,
  judge = STRICT,
): TensorMap {
  if (inputs.size !== signature.inputs.size) {
    const filled = signature.defaults && withDefaults(signature, inputs);
    if (filled === undefined || filled.size !== signature.inputs.size) throw wrongNames(model, signature, inputs);
    return checkInputs(model, signature, filled, judge);
  }
  if (inputs.size === 1) {
    // Most requests have one input, and nothing to put in order.
    for (const [name, spec] of signature.inputs) checkInput(model, signature, name, spec, inputs, judge);
    return inputs;
  }
  const ordered = new Map<string, Tensor>();
  for (const [name, spec] of signature.inputs) {
    ordered.set(name, checkInput(model, signature, name, spec, inputs, judge));
  }
  return ordered;
}

/**
 * The same for a step of a sequence, where the server has the state: the inputs that are state may be there, and need
 * not be.
 */
export function checkStepInputs(
  model: ResolvedModelSpec,
  signature: Signature,
  inputs: TensorMap,
  judge = STRICT,
): TensorMap {
  const wanted = [...signature.inputs].filter(
    ([name]) => inputs.has(name) || signature.kept?.nextOf.has(name) !== true,
  );
  return checkInputs(model, { ...signature, inputs: new Map(wanted) }, inputs, judge);
}

/**
 * The outputs that the filter names. Throws `invalid_request` for a name that is unknown or given twice. `field`: the
 * request's field that names them.
 */
export function checkOutputFilter(
  model: ResolvedModelSpec,
  signature: Signature,
  filter: readonly string[],
  field = 'output_filter',
): readonly string[] {
  const seen = new Set<string>();
  for (const name of filter) {
    if (!signature.outputs.has(name)) {
      throw invalidRequest(
        `${field} names ${quoteName(name)}, which ${describeSignature(model)} does not have; its outputs: ${listNames(signature.outputs.keys())}`,
      );
    }
    if (seen.has(name)) throw invalidRequest(`${field} names ${quoteName(name)} twice; name each output once`);
    seen.add(name);
  }
  return filter;
}

/** The rows of inputs that fit the signature, whether or not they share runs with others; 1 where it has none. */
export function rowsIn(signature: Signature, inputs: TensorMap): number {
  const { batchAxes } = signature;
  if (!hasRows(signature)) return 1;
  if (batchAxes === undefined) return inputs.values().next().value?.shape[0] ?? 1;
  for (const [name, { shape }] of inputs) {
    const axis = axisOf(batchAxes, name);
    if (axis !== 'same') return shape[axis] ?? 1;
  }
  return 1;
}

function checkInput(
  model: ResolvedModelSpec,
  signature: Signature,
  name: string,
  spec: TensorSpec,
  inputs: TensorMap,
  judge: ShapeJudge,
): Tensor {
  const tensor = inputs.get(name);
  if (tensor === undefined) throw wrongNames(model, signature, inputs);
  if (tensor.dtype !== spec.dtype) throw wrongDtype(model, name, spec.dtype, tensor.dtype, judge);
  if (!shapeFits(tensor.shape, spec.shape) && !fitsInRows(signature, name, spec, tensor)) {
    judge.onOddShape(wrongShape(model, name, spec, tensor), spec);
  }
  if (spec.isText === true && tensor.dtype === 'string') checkText(model, name, tensor);
  if (tensor.dtype === 'bool') checkBooleans(name, tensor.data);
  return tensor;
}

/** A model that always runs so many rows takes any number of them: they are cut, shared or padded to its own. */
function fitsInRows(signature: Signature, name: string, { shape }: TensorSpec, sent: Tensor): boolean {
  if (shape === undefined || rowsOfEachRun(signature) === undefined) return false;
  const axis = axisOf(signature.batchAxes, name);
  return axis !== 'same' && axis < shape.length && shapeFits(sent.shape, shape.with(axis, -1));
}

function checkText(model: ResolvedModelSpec, name: string, tensor: StringTensor): void {
  const at = tensor.notTextAt ?? notTextAt(tensor.data);
  if (at === -1) return;
  const fault = textFault(tensor.data[at]!);
  throw invalidRequest(
    `input ${quoteName(name)}, element ${at}, ${fault}, but ${describeSignature(model)} wants UTF-8 text; send binary data as base64 text`,
  );
}

/** Bytes of a request may be any, and runtimes compute with their bits: 2 and true would be false. */
function checkBooleans(name: string, bytes: Uint8Array): void {
  const wholeWords = bytes.length - (bytes.length % WORD_BYTES);
  const words = wordsOf(bytes.subarray(0, wholeWords));
  let other = 0;
  for (let i = 0; i < words.length; i++) other |= words[i]! & OTHER_THAN_BOOLEANS;
  for (let i = wholeWords; i < bytes.length; i++) other |= bytes[i]! & OTHER_THAN_BOOLEANS;
  if (other === 0) return;
  const at = bytes.findIndex((byte) => byte > 1);
  throw invalidRequest(
    `input ${quoteName(name)}, element ${at}, has the byte ${bytes[at]}, but a boolean is 0 or 1; send 1 for true`,
  );
}

function wrongDtype(
  model: ResolvedModelSpec,
  name: string,
  wanted: DType,
  sent: DType,
  judge: ShapeJudge,
): ServingError {
  const [is, wants] = [sent, wanted].map((dtype) => judge.dtypeName?.(dtype) ?? dtype);
  return invalidRequest(
    `input ${quoteName(name)} is ${is}, but ${describeSignature(model)} wants ${wants}; send it as ${wants}`,
  );
}

function wrongNames(model: ResolvedModelSpec, signature: Signature, inputs: TensorMap): ServingError {
  const { defaults } = signature;
  const missing = [...signature.inputs.keys()].filter((name) => !inputs.has(name) && defaults?.has(name) !== true);
  const extra = [...inputs.keys()].filter((name) => !signature.inputs.has(name));
  const parts = [`${describeSignature(model)} wants the inputs ${listNames(signature.inputs.keys())}`];
  if (defaults !== undefined) parts.push(`with defaults: ${listNames(defaults.keys())}`);
  if (missing.length > 0) parts.push(`missing: ${listNames(missing)}`);
  const kept = missing.filter((name) => signature.kept?.nextOf.has(name) === true);
  if (kept.length > 0) parts.push(`the server keeps ${listNames(kept)} for the steps of a sequence: send its id`);
  if (extra.length > 0) parts.push(`unknown: ${listNames(extra)}`);
  return invalidRequest(parts.join('; '));
}

function wrongShape(model: ResolvedModelSpec, name: string, spec: TensorSpec, tensor: Tensor): ServingError {
  const want = spec.shape!;
  const sent = `input ${quoteName(name)} has shape ${formatShape(tensor.shape)}, but ${describeSignature(model)} wants ${formatShape(want)}`;
  return invalidRequest(`${sent}; ${shapeAdvice(tensor.shape, want)}`);
}

/** Says how to change a tensor whose shape does not fit. */
function shapeAdvice(sent: Shape, want: Shape): string {
  if (want.length === 0)
    return 'send one value without a list around it; over REST in "inputs", as "instances" adds a dim';
  const withColumn = [...sent, 1];
  if (want.length > 1 && want.at(-1) === 1 && shapeFits(withColumn, want)) {
    return `wrap each value in a list of its own, which makes it ${formatShape(withColumn)}`;
  }
  const batched = sent.length === want.length - 1 ? [1, ...sent] : sent;
  if (batched !== sent && shapeFits(batched, want)) {
    return `add the batch dimension in front: ${formatShape(batched)}`;
  }
  const [rows, a, b, c] = batched as [number, number, number, number];
  if (batched.length === 4) {
    const channelsFirst = [rows, c, a, b];
    const channelsLast = [rows, b, c, a];
    if (shapeFits(channelsFirst, want)) return layoutAdvice('last', 'first', channelsFirst);
    if (shapeFits(channelsLast, want)) return layoutAdvice('first', 'last', channelsLast);
  }
  if (want.length > 1 && sent.length === want.length && !want.slice(1).includes(-1)) {
    const wantedPerRow = elementCount(want.slice(1));
    const sentPerRow = elementCount(sent.slice(1));
    if (wantedPerRow !== sentPerRow) return `send ${wantedPerRow} elements a row, not ${sentPerRow}`;
  }
  return 'reshape it ("?" stands for any size)';
}

function layoutAdvice(is: string, wanted: string, shape: Shape): string {
  return `its channels are ${is} and the model wants them ${wanted}: transpose it to ${formatShape(shape)}`;
}

/**
 * GetModelMetadataResponse (tensorflow_serving/apis/get_model_metadata.proto) → the model's signatures.
 *
 *   response {2 metadata: map<string, Any {2 value: SignatureDefMap {1 signature_def: map<string, SignatureDef}}>}
 *   SignatureDef {1 inputs, 2 outputs: map<string, TensorInfo>, 3 method_name, 4 defaults: map<string, TensorProto>}
 *   TensorInfo {1 name, 2 dtype, 3 tensor_shape: {2 dim: {1 size}, 3 unknown_rank}}
 *
 * Maps come in no order that means anything: names are sorted, so that the same model is the same at every load.
 */

import { lengthDelimited, varintTag, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { readTensorEntry } from '../../codec/tensorflow/predict-request-reader.ts';
import { DIM_SIZE, SHAPE_DIM, SHAPE_UNKNOWN_RANK } from '../../codec/tensorflow/tensor-proto/tensor-fields.ts';
import { dtypeOf } from '../../codec/tensorflow/tensor-proto/tf-dtype.ts';
import { PREDICT_METHOD_NAME, type Signature, type TensorSpec } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import { batchAxisOf } from './remote-batch-axis.ts';

const KEY = 1;
const VALUE = 2;
/** Of what one default may take once read: they are rows. */
const MAX_DEFAULT_BYTES = 64 * 2 ** 20;

/** Throws ServingError for what is no such message. */
export function readSignatureDefs(message: Uint8Array): ReadonlyMap<string, Signature> {
  const reader = new WireReader(message, 'GetModelMetadataResponse');
  const signatures = new Map<string, Signature>();
  while (reader.next()) {
    if (reader.tag !== lengthDelimited(2)) reader.skip();
    else readEntry(reader, () => readAny(reader, signatures));
  }
  return sorted(signatures);
}

/** One entry of a map<string, message>: calls `readValue` inside the value, and gives the key. */
function readEntry(reader: WireReader, readValue: () => void): string {
  let key = '';
  const entry = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(KEY)) key = reader.string();
    else if (reader.tag === lengthDelimited(VALUE)) {
      const value = reader.enter();
      readValue();
      reader.leave(value);
    } else reader.skip();
  }
  reader.leave(entry);
  return key;
}

function readAny(reader: WireReader, signatures: Map<string, Signature>): void {
  while (reader.next()) {
    if (reader.tag !== lengthDelimited(2)) {
      reader.skip();
      continue;
    }
    const map = reader.enter();
    while (reader.next()) {
      if (reader.tag === lengthDelimited(1)) readNamedSignature(reader, signatures);
      else reader.skip();
    }
    reader.leave(map);
  }
}

function readNamedSignature(reader: WireReader, signatures: Map<string, Signature>): void {
  let signature: Signature | undefined;
  const name = readEntry(reader, () => {
    signature = readSignature(reader);
  });
  if (signature !== undefined) signatures.set(name, signature);
}

/** Undefined if it has a tensor that we cannot hold, or gives none at all (an initialiser). */
function readSignature(reader: WireReader): Signature | undefined {
  const inputs = new Map<string, TensorSpec | undefined>();
  const outputs = new Map<string, TensorSpec | undefined>();
  const defaults = new Map<string, Tensor>();
  let methodName = PREDICT_METHOD_NAME;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) readNamedSpec(reader, inputs);
    else if (reader.tag === lengthDelimited(2)) readNamedSpec(reader, outputs);
    else if (reader.tag === lengthDelimited(3)) methodName = reader.string() || methodName;
    else if (reader.tag === lengthDelimited(4)) {
      readTensorEntry(reader, defaults, { limit: MAX_DEFAULT_BYTES, left: MAX_DEFAULT_BYTES });
    } else reader.skip();
  }
  if (outputs.size === 0 || !isHeld(inputs) || !isHeld(outputs)) return undefined;
  const specs = {
    inputs: sorted(inputs),
    outputs: sorted(outputs),
    methodName,
    batchAxis: batchAxisOf(inputs, outputs),
  };
  return defaults.size === 0 ? specs : { ...specs, defaults };
}

function readNamedSpec(reader: WireReader, specs: Map<string, TensorSpec | undefined>): void {
  let spec: TensorSpec | undefined;
  const name = readEntry(reader, () => {
    spec = readTensorInfo(reader);
  });
  specs.set(name, spec);
}

function readTensorInfo(reader: WireReader): TensorSpec | undefined {
  let tensorName = '';
  let dataType = 0;
  let shape: readonly number[] | undefined;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) tensorName = reader.string();
    else if (reader.tag === varintTag(2)) dataType = reader.varint();
    else if (reader.tag === lengthDelimited(3)) shape = readShape(reader);
    else reader.skip();
  }
  const dtype = dtypeOf(dataType);
  return dtype === undefined ? undefined : { dtype, shape, tensorName };
}

/** Undefined = any rank. */
function readShape(reader: WireReader): readonly number[] | undefined {
  const dims: number[] = [];
  let isUnknownRank = false;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(SHAPE_DIM)) dims.push(readDim(reader));
    else if (reader.tag === varintTag(SHAPE_UNKNOWN_RANK)) isUnknownRank = reader.varint() !== 0;
    else reader.skip();
  }
  reader.leave(outer);
  return isUnknownRank ? undefined : dims;
}

function readDim(reader: WireReader): number {
  let size = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === varintTag(DIM_SIZE)) size = reader.int64AsNumber();
    else reader.skip();
  }
  reader.leave(outer);
  return size;
}

function isHeld(specs: Map<string, TensorSpec | undefined>): specs is Map<string, TensorSpec> {
  return [...specs.values()].every((spec) => spec !== undefined);
}

function sorted<T>(entries: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

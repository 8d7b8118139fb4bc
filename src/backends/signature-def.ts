/**
 * Reads TensorFlow's SignatureDef, which describes the models of saved_model.pb and of other servers.
 *
 *   SignatureDef {1 inputs, 2 outputs: map<string, TensorInfo>, 3 method_name, 4 defaults: map<string, TensorProto>}
 *   TensorInfo {1 name, 2 dtype, 3 tensor_shape, 4 coo_sparse, 5 composite_tensor}
 *
 * The readers throw ServingError `invalid_request` for bytes that are not such a message.
 */
import { lengthDelimited, varintTag, type WireReader } from '../codec/protobuf/wire-reader.ts';
import { DIM_SIZE, SHAPE_DIM, SHAPE_UNKNOWN_RANK } from '../codec/tensorflow/tensor-proto/tensor-fields.ts';

export interface TensorInfo {
  /** "serving_default_x:0"; undefined for a tensor of several parts (sparse, ragged). */
  readonly tensorName: string | undefined;
  /** TensorFlow's number of the type. */
  readonly dtype: number;
  /** -1 = any size; undefined = any rank. */
  readonly shape: readonly number[] | undefined;
}

export interface SignatureDef {
  readonly inputs: ReadonlyMap<string, TensorInfo>;
  readonly outputs: ReadonlyMap<string, TensorInfo>;
  /** TensorFlow's method name; empty when absent. */
  readonly methodName: string;
}

const MAP_KEY = lengthDelimited(1);
const MAP_VALUE = lengthDelimited(2);
const INPUTS = lengthDelimited(1);
const OUTPUTS = lengthDelimited(2);
const METHOD_NAME = lengthDelimited(3);
const DEFAULTS = lengthDelimited(4);
const INFO_NAME = lengthDelimited(1);
const INFO_DTYPE = varintTag(2);
const INFO_SHAPE = lengthDelimited(3);

/**
 * Reads the SignatureDef that the reader has entered. `readDefault` reads the current map entry of `defaults`;
 * `absentShape` is the shape of a TensorInfo without one.
 */
export function readSignatureDef(
  reader: WireReader,
  readDefault: () => void,
  absentShape: TensorInfo['shape'],
): SignatureDef {
  const inputs = new Map<string, TensorInfo>();
  const outputs = new Map<string, TensorInfo>();
  let methodName = '';
  const readInfo = (): TensorInfo => readTensorInfo(reader, absentShape);
  const absentInfo: TensorInfo = { tensorName: undefined, dtype: 0, shape: absentShape };
  forEachField(reader, () => {
    if (reader.tag === INPUTS) readMapEntry(reader, inputs, readInfo, absentInfo);
    else if (reader.tag === OUTPUTS) readMapEntry(reader, outputs, readInfo, absentInfo);
    else if (reader.tag === METHOD_NAME) methodName = reader.string();
    else if (reader.tag === DEFAULTS) readDefault();
    else reader.skip();
  });
  return { inputs, outputs, methodName };
}

/** Reads one entry of a map<string, message> and adds it, unless the value is undefined. */
export function readMapEntry<T>(
  reader: WireReader,
  map: Map<string, T>,
  readValue: () => T | undefined,
  absentValue?: T,
): void {
  let key = '';
  let value = absentValue;
  inside(reader, () =>
    forEachField(reader, () => {
      if (reader.tag === MAP_KEY) key = reader.string();
      else if (reader.tag === MAP_VALUE) value = inside(reader, readValue);
      else reader.skip();
    }),
  );
  if (value !== undefined) map.set(key, value);
}

/** Calls `read` for each field of the message that the reader has entered. `read` must consume or skip the field. */
export function forEachField(reader: WireReader, read: () => void): void {
  while (reader.next()) read();
}

/** Enters the current field, a message, calls `read`, and leaves it. */
export function inside<T>(reader: WireReader, read: () => T): T {
  const outer = reader.enter();
  const value = read();
  reader.leave(outer);
  return value;
}

function readTensorInfo(reader: WireReader, absentShape: TensorInfo['shape']): TensorInfo {
  let tensorName: string | undefined;
  let dtype = 0;
  let shape = absentShape;
  forEachField(reader, () => {
    if (reader.tag === INFO_NAME) tensorName = reader.string();
    else if (reader.tag === INFO_DTYPE) dtype = reader.varint();
    else if (reader.tag === INFO_SHAPE) shape = inside(reader, () => readShape(reader));
    else reader.skip();
  });
  return { tensorName, dtype, shape };
}

/** Reads the TensorShapeProto that the reader has entered; undefined = any rank. */
export function readShape(reader: WireReader): readonly number[] | undefined {
  const dims: number[] = [];
  let isUnknownRank = false;
  forEachField(reader, () => {
    if (reader.tag === lengthDelimited(SHAPE_DIM)) dims.push(inside(reader, () => readDim(reader)));
    else if (reader.tag === varintTag(SHAPE_UNKNOWN_RANK)) isUnknownRank = reader.varint() !== 0;
    else reader.skip();
  });
  return isUnknownRank ? undefined : dims;
}

function readDim(reader: WireReader): number {
  let size = 0;
  forEachField(reader, () => {
    if (reader.tag === varintTag(DIM_SIZE)) size = reader.int64AsNumber();
    else reader.skip();
  });
  return size;
}

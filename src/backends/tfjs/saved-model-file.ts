/**
 * saved_model.pb, as far as serving wants it: the graphs' tags and signatures. The graphs themselves are stepped over;
 * TensorFlow reads them.
 *
 *   SavedModel {2 meta_graphs}   MetaGraphDef {1 meta_info_def {4 tags}, 5 signature_def}
 *   SignatureDef {1 inputs, 2 outputs, 3 method_name, 4 defaults}
 *   TensorInfo {1 name, 2 dtype, 3 tensor_shape, 4 coo_sparse, 5 composite_tensor}
 */
import { lengthDelimited, varintTag, WireReader } from '../../codec/protobuf/wire-reader.ts';

export interface TensorInfo {
  /** "serving_default_x:0"; undefined for a tensor of several parts (sparse, ragged). */
  readonly tensorName: string | undefined;
  /** TensorFlow's number. */
  readonly dtype: number;
  /** -1 = any size; undefined = any rank. */
  readonly shape: readonly number[] | undefined;
}

export interface SignatureDef {
  readonly inputs: ReadonlyMap<string, TensorInfo>;
  readonly outputs: ReadonlyMap<string, TensorInfo>;
  readonly methodName: string;
  /** Input → a serialized TensorProto. */
  readonly defaults: ReadonlyMap<string, Uint8Array>;
}

export interface MetaGraph {
  readonly tags: readonly string[];
  /** By name, in the file's order. */
  readonly signatures: ReadonlyMap<string, SignatureDef>;
}

const META_GRAPHS = lengthDelimited(2);
const META_INFO = lengthDelimited(1);
const META_INFO_TAGS = lengthDelimited(4);
const SIGNATURE_DEF = lengthDelimited(5);
const MAP_KEY = lengthDelimited(1);
const MAP_VALUE = lengthDelimited(2);
const INPUTS = lengthDelimited(1);
const OUTPUTS = lengthDelimited(2);
const METHOD_NAME = lengthDelimited(3);
const DEFAULTS = lengthDelimited(4);
const INFO_NAME = lengthDelimited(1);
const INFO_DTYPE = varintTag(2);
const INFO_SHAPE = lengthDelimited(3);
const SHAPE_DIM = lengthDelimited(2);
const SHAPE_UNKNOWN_RANK = varintTag(3);
const DIM_SIZE = varintTag(1);

/** Throws ServingError `invalid_request` for bytes that are no protobuf. */
export function readSavedModel(bytes: Uint8Array): readonly MetaGraph[] {
  const reader = new WireReader(bytes, 'the SavedModel');
  const graphs: MetaGraph[] = [];
  forEachField(reader, () => {
    if (reader.tag === META_GRAPHS) graphs.push(inside(reader, () => readMetaGraph(reader)));
    else reader.skip();
  });
  return graphs;
}

function readMetaGraph(reader: WireReader): MetaGraph {
  const tags: string[] = [];
  const signatures = new Map<string, SignatureDef>();
  forEachField(reader, () => {
    if (reader.tag === META_INFO) inside(reader, () => readTags(reader, tags));
    else if (reader.tag === SIGNATURE_DEF) readEntry(reader, signatures, readSignature);
    else reader.skip();
  });
  return { tags, signatures };
}

function readTags(reader: WireReader, tags: string[]): void {
  forEachField(reader, () => {
    if (reader.tag === META_INFO_TAGS) tags.push(reader.string());
    else reader.skip();
  });
}

function readSignature(reader: WireReader): SignatureDef {
  const inputs = new Map<string, TensorInfo>();
  const outputs = new Map<string, TensorInfo>();
  const defaults = new Map<string, Uint8Array>();
  let methodName = '';
  forEachField(reader, () => {
    if (reader.tag === INPUTS) readEntry(reader, inputs, readTensorInfo);
    else if (reader.tag === OUTPUTS) readEntry(reader, outputs, readTensorInfo);
    else if (reader.tag === METHOD_NAME) methodName = reader.string();
    else if (reader.tag === DEFAULTS) readEntry(reader, defaults, restOf);
    else reader.skip();
  });
  return { inputs, outputs, methodName, defaults };
}

function readTensorInfo(reader: WireReader): TensorInfo {
  let tensorName: string | undefined;
  let dtype = 0;
  let shape: readonly number[] | undefined = [];
  forEachField(reader, () => {
    if (reader.tag === INFO_NAME) tensorName = reader.string();
    else if (reader.tag === INFO_DTYPE) dtype = reader.varint();
    else if (reader.tag === INFO_SHAPE) shape = inside(reader, () => readShape(reader));
    else reader.skip();
  });
  return { tensorName, dtype, shape };
}

function readShape(reader: WireReader): readonly number[] | undefined {
  const dims: number[] = [];
  let isUnknown = false;
  forEachField(reader, () => {
    if (reader.tag === SHAPE_DIM) dims.push(inside(reader, () => readDim(reader)));
    else if (reader.tag === SHAPE_UNKNOWN_RANK) isUnknown = reader.varint() !== 0;
    else reader.skip();
  });
  return isUnknown ? undefined : dims;
}

function readDim(reader: WireReader): number {
  let size = 0;
  forEachField(reader, () => {
    if (reader.tag === DIM_SIZE) size = reader.int64AsNumber();
    else reader.skip();
  });
  return size;
}

/** One entry of a map<string, message>. */
function readEntry<T>(reader: WireReader, map: Map<string, T>, read: (reader: WireReader) => T): void {
  let key = '';
  let value: T | undefined;
  inside(reader, () =>
    forEachField(reader, () => {
      if (reader.tag === MAP_KEY) key = reader.string();
      else if (reader.tag === MAP_VALUE) value = inside(reader, () => read(reader));
      else reader.skip();
    }),
  );
  if (value !== undefined) map.set(key, value);
}

/** The bytes of the message that the reader is in. */
function restOf(reader: WireReader): Uint8Array {
  return reader.view(reader.position, reader.end);
}

function forEachField(reader: WireReader, read: () => void): void {
  while (reader.next()) read();
}

function inside<T>(reader: WireReader, read: () => T): T {
  const outer = reader.enter();
  const value = read();
  reader.leave(outer);
  return value;
}

/**
 * Inputs that a graph has a value for: initializers that a request may override. onnxruntime-node does not list them, and
 * ignores them among a run's feeds. So such a model is opened without these initializers, which makes them inputs like
 * others, and the signature has their values as defaults.
 *
 *   input bias, initializer bias = [5, 7]  ─▶  input bias, default [5, 7]
 */
import { Buffer } from 'node:buffer';
import { open, readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { nextRun, WIRE_FIXED32, WIRE_FIXED64, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { messageField } from '../../codec/protobuf/wire-writer.ts';
import { bytesPerElement, type DType } from '../../core/dtype.ts';
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { elementCount, formatShape } from '../../core/shape.ts';
import { type BatchAxis, hasRows, type Signature } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import { fieldsOf, GRAPH, graphFieldsOf, intsOf, MODEL, replaced, textOf } from './graph/proto/message-fields.ts';

/** The model's parameter: names of inputs, one a line. */
export const OPTIONAL_INPUTS = 'optional_inputs';

/** Fields of a TensorProto. `external`: where the elements are, if they are in another file: entries of key and value. */
const TENSOR = { dims: 1, floats: 4, strings: 6, name: 8, raw: 9, doubles: 10, external: 13 } as const;
/** Its integers, of int32 and what is narrower, of int64, and of uint32 and uint64. */
const INTEGERS = { narrow: 5, int64: 7, unsigned: 11 } as const;

export interface OptionalInputs {
  /** The model without the initializers. */
  readonly source: Uint8Array<ArrayBuffer>;
  /** The TensorProtos of the values. */
  readonly values: ReadonlyMap<string, Uint8Array>;
}

/**
 * Undefined if none of the names is an input with a value. `file`: the model's, for values that are in files beside it.
 * Rejects with `load_failed` for one that is not there.
 */
export async function withOptionalInputs(
  file: string,
  source: string | Uint8Array,
  names: readonly string[],
): Promise<OptionalInputs | undefined> {
  if (names.length === 0) return undefined;
  const model = typeof source === 'string' ? await readFile(source) : source;
  const values = new Map<string, Uint8Array>();
  const inputs = new Set<string>();
  for (const { number, value } of graphFieldsOf(model)) {
    if (number === GRAPH.input) inputs.add(textOf(value, 1));
    if (number !== GRAPH.initializer) continue;
    const name = textOf(value, TENSOR.name);
    if (names.includes(name)) values.set(name, value);
  }
  for (const name of values.keys()) if (!inputs.has(name)) values.delete(name);
  if (values.size === 0) return undefined;
  for (const [name, value] of values) values.set(name, await whole(file, name, value));
  const without = replaced(model, (field, graph) => (field === MODEL.graph ? withoutValues(graph, values) : undefined));
  return { source: without, values };
}

/** The TensorProto with its elements in it. */
async function whole(file: string, name: string, value: Uint8Array): Promise<Uint8Array> {
  const entries = new Map<string, string>();
  for (const { number, value: entry } of fieldsOf(value))
    if (number === TENSOR.external) entries.set(textOf(entry, 1), textOf(entry, 2));
  const location = entries.get('location');
  if (location === undefined) return value;
  try {
    const bytes = await readPart(file, location, Number(entries.get('offset') ?? 0), entries.get('length'));
    return Buffer.concat([value, messageField(TENSOR.raw, bytes)]);
  } catch (cause) {
    const text = `the value of optional input ${quoteName(name)} cannot be read from ${quoteName(location)}`;
    throw new ServingError('load_failed', `${text}; put that file beside the model`, { cause });
  }
}

/**
 * Bytes of the file at `location`, beside `file`. Without a length they are the rest of it, as PyTorch writes each tensor
 * into a file of its own. Rejects for a file that is not in the model's directory, as ONNX Runtime does.
 */
async function readPart(file: string, location: string, offset: number, given?: string): Promise<Uint8Array> {
  const directory = await realpath(dirname(file));
  const path = await realpath(join(directory, location));
  if (!path.startsWith(directory + sep)) throw new Error(`${path} is not in ${directory}`);
  const data = await open(path);
  try {
    const { size } = await data.stat();
    const length = given === undefined ? size - offset : Number(given);
    if (!(offset >= 0 && length >= 0 && offset + length <= size)) throw new Error(`${path} has ${size} bytes`);
    const { bytesRead, buffer } = await data.read(Buffer.alloc(length), 0, length, offset);
    if (bytesRead < length) throw new Error(`${path} became shorter`);
    return buffer;
  } finally {
    await data.close();
  }
}

function withoutValues(graph: Uint8Array, values: OptionalInputs['values']): Uint8Array {
  const isValue = (field: number, value: Uint8Array): boolean =>
    field === GRAPH.initializer && values.has(textOf(value, TENSOR.name));
  return replaced(graph, (field, value) => (isValue(field, value) ? null : undefined));
}

/** The file's graph has a value for all requests: what is proved of it, now or at an earlier load, is not of others. */
const ALONE: BatchAxis = { kind: 'none', reason: 'requests may have values of their own for its optional inputs' };

/** The signature with these values as defaults. Throws `load_failed` for one in a form that is not read here. */
export function withValues(signature: Signature, values: OptionalInputs['values']): Signature {
  const dtypeOf = (name: string): DType => signature.inputs.get(name)!.dtype;
  const defaults = new Map([...values].map(([name, value]) => [name, tensorOf(name, dtypeOf(name), value)]));
  return { ...signature, batchAxis: ALONE, hasRows: hasRows(signature), defaults };
}

function tensorOf(name: string, dtype: DType, value: Uint8Array): Tensor {
  const shape = intsOf(value, TENSOR.dims).map(Number);
  if (dtype === 'string') return { dtype, shape, data: bytesOf(value, TENSOR.strings) };
  const [raw] = bytesOf(value, TENSOR.raw);
  const data =
    raw ??
    (dtype === 'float32' ? fixedOf(value, TENSOR.floats, WIRE_FIXED32) : undefined) ??
    (dtype === 'float64' ? fixedOf(value, TENSOR.doubles, WIRE_FIXED64) : undefined) ??
    integersOf(value, dtype);
  if (data.length === elementCount(shape) * bytesPerElement(dtype)) return { dtype, shape, data } as Tensor;
  const text = `the value of optional input ${quoteName(name)} is not ${dtype} ${formatShape(shape)}`;
  throw loadFailed(`${text}; save the model anew`);
}

/** The integers of a tensor in the bytes of its dtype; those of booleans and of small floats are their bits. */
function integersOf(message: Uint8Array, dtype: Exclude<DType, 'string'>): Uint8Array {
  const isUnsigned = dtype === 'uint32' || dtype === 'uint64';
  const field = isUnsigned ? INTEGERS.unsigned : dtype === 'int64' ? INTEGERS.int64 : INTEGERS.narrow;
  const texts = intsOf(message, field);
  const size = bytesPerElement(dtype);
  const words = BigInt64Array.from(texts, BigInt);
  const data = new Uint8Array(size * words.length);
  // The lowest bytes of a word come first, as in all that is served here.
  for (const i of words.keys()) data.set(new Uint8Array(words.buffer, i * words.BYTES_PER_ELEMENT, size), i * size);
  return data;
}

/** Copies: the model's bytes are not kept. */
function bytesOf(message: Uint8Array, field: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const { number, value } of fieldsOf(message)) if (number === field) found.push(Uint8Array.from(value));
  return found;
}

/** The floats of a repeated field, which stand on the wire as in memory. Undefined = there are none. */
function fixedOf(message: Uint8Array, field: number, wire: number): Uint8Array | undefined {
  const reader = new WireReader(message, 'the model');
  const run = { start: 0, end: 0 };
  const pieces: Uint8Array[] = [];
  while (nextRun(reader, field, wire, run)) pieces.push(reader.view(run.start, run.end));
  return pieces.length === 0 ? undefined : Uint8Array.from(Buffer.concat(pieces));
}

function loadFailed(text: string): ServingError {
  return new ServingError('load_failed', text);
}

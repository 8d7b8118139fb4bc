/** TensorFlow Serving's gRPC API: what any client of the protocol sends and sees. */
import { Buffer } from 'node:buffer';
import {
  type ServedTensor,
  type SignatureInfo,
  signatureIn,
  type TensorInfo,
  withColumns,
} from '../../cli/served-inputs.ts';
import type { ServerAddress } from '../../cli/server-address.ts';
import type { Tensor } from '../../core/tensor.ts';
import { connectStub, type PreparedCall } from './grpc-stub.ts';
import { type Answer, answerOf, countOf, nested, type Protocol, type Target, tensorsOf } from './protocol.ts';

export interface GrpcProtocol extends Protocol {
  /** A request that is sent again and again, as its bytes, within `timeoutMs` each time. `body` as for `predict`. */
  prepare(body: Buffer, timeoutMs: number): Promise<PreparedCall>;
}

/** A map's entries: protobuf.js reads no maps of descriptors, and on the wire a map is these messages. */
type Entries<T> = readonly { readonly key: string; readonly value: T }[];

/** A TensorProto as proto-loader gives it. */
interface AnsweredTensor extends TensorInfo {
  readonly tensor_content: Buffer;
  readonly [values: string]: unknown;
}

/** The field of a TensorProto that holds the elements, and how they stand in tensor_content. */
const VALUES: Readonly<
  Record<string, readonly [field: string, bytes: number, read: (at: Buffer, i: number) => unknown]>
> = {
  DT_FLOAT: ['float_val', 4, (at, i) => shortFloat32(at.readFloatLE(i))],
  DT_DOUBLE: ['double_val', 8, (at, i) => at.readDoubleLE(i)],
  DT_INT32: ['int_val', 4, (at, i) => at.readInt32LE(i)],
  DT_INT16: ['int_val', 2, (at, i) => at.readInt16LE(i)],
  DT_INT8: ['int_val', 1, (at, i) => at.readInt8(i)],
  DT_UINT8: ['int_val', 1, (at, i) => at.readUInt8(i)],
  DT_UINT16: ['int_val', 2, (at, i) => at.readUInt16LE(i)],
  DT_UINT32: ['uint32_val', 4, (at, i) => at.readUInt32LE(i)],
  DT_INT64: ['int64_val', 8, (at, i) => plainInteger(at.readBigInt64LE(i))],
  DT_UINT64: ['uint64_val', 8, (at, i) => plainInteger(at.readBigUInt64LE(i))],
  DT_BOOL: ['bool_val', 1, (at, i) => at.readUInt8(i) !== 0],
  DT_STRING: ['string_val', 0, () => ''],
};

const DT_OF: Readonly<Record<string, string>> = { float32: 'DT_FLOAT', float64: 'DT_DOUBLE', float16: 'DT_HALF' };

export async function grpcProtocol(server: ServerAddress, target: Target): Promise<GrpcProtocol> {
  const stub = await connectStub(server);
  const spec = {
    name: target.model,
    signature_name: target.signature,
    ...(target.version !== '' && { version: { value: target.version } }),
  };
  let known: ReadonlyMap<string, ServedTensor> | undefined;
  const inputs = async (): Promise<ReadonlyMap<string, ServedTensor>> => {
    const question = { model_spec: spec, metadata_field: ['signature_def', 'columns'] };
    known ??= inputsIn(await stub.call('GetModelMetadata', question), target);
    return known;
  };
  const requestOf = async (body: Buffer): Promise<object> => {
    const tensors = [...tensorsOf(body, await inputs())];
    return { model_spec: spec, inputs: tensors.map(([key, tensor]) => ({ key, value: tensorProto(tensor) })) };
  };
  return {
    inputs,
    predict: async (body) => answerIn(await stub.call('Predict', await requestOf(body))),
    prepare: async (body, timeoutMs) => stub.prepare('Predict', await requestOf(body), timeoutMs),
    close: () => stub.close(),
  };
}

function inputsIn(answer: object, { signature }: Target): ReadonlyMap<string, ServedTensor> {
  const { metadata } = answer as {
    readonly metadata: Entries<{
      readonly signature_def?: Entries<Record<'inputs' | 'outputs', Entries<TensorInfo>>>;
      /** A StringValue's. */
      readonly value?: string;
    }>;
  };
  const signatures = metadata.find(({ key }) => key === 'signature_def')?.value.signature_def ?? [];
  const infos = signatures.map(({ key, value: { inputs } }): [string, SignatureInfo] => [
    key,
    { inputs: byKey(inputs) },
  ]);
  const columns = metadata.find(({ key }) => key === 'columns')?.value.value;
  const { inputs } = signatureIn(Object.fromEntries(infos), signature);
  return withColumns(inputs, columns === undefined ? undefined : JSON.parse(columns), signature);
}

function byKey<T>(entries: Entries<T>): Readonly<Record<string, T>> {
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

function tensorProto(tensor: Tensor): object {
  const { dtype, shape } = tensor;
  const head = {
    dtype: DT_OF[dtype] ?? `DT_${dtype.toUpperCase()}`,
    tensor_shape: { dim: shape.map((size) => ({ size })) },
  };
  return dtype === 'string' ? { ...head, string_val: tensor.data } : { ...head, tensor_content: tensor.data };
}

function answerIn(answer: object): Answer {
  const { outputs } = answer as { readonly outputs: Entries<AnsweredTensor> };
  const values = new Map(outputs.map(({ key, value }) => [key, elementsOf(key, value)]));
  return answerOf(values, `${JSON.stringify({ outputs: Object.fromEntries(values) })}\n`);
}

function elementsOf(name: string, tensor: AnsweredTensor): unknown {
  const { dtype = '', tensor_shape: shape, tensor_content: content } = tensor;
  const known = Object.hasOwn(VALUES, dtype) ? VALUES[dtype] : undefined;
  if (known === undefined) return `(${dtype}, which is not shown)`;
  const [field, bytes, read] = known;
  const dims = shape?.dim?.map(({ size = 0 }) => Number(size)) ?? [];
  const count = countOf(dims);
  const given = tensor[field] as readonly unknown[];
  if (given.length > 0) return nested(filled(given.map(dtype === 'DT_FLOAT' ? plainFloat32 : plain), count), dims);
  if (bytes === 0 || content.length < count * bytes) {
    if (count === 0) return nested([], dims);
    throw new Error(`output ${JSON.stringify(name)} has fewer elements than its shape`);
  }
  return nested(
    Array.from({ length: count }, (_, i) => read(content, i * bytes)),
    dims,
  );
}

/** A single element stands for all, as in TensorFlow. */
function filled(given: readonly unknown[], count: number): readonly unknown[] {
  return given.length >= count
    ? given.slice(0, count)
    : [...given, ...new Array(count - given.length).fill(given.at(-1))];
}

function plain(element: unknown): unknown {
  if (Buffer.isBuffer(element)) return element.toString();
  return typeof element === 'string' && /^-?\d{1,15}$/.test(element) ? Number(element) : element;
}

function plainFloat32(element: unknown): unknown {
  return typeof element === 'number' ? shortFloat32(element) : element;
}

function plainInteger(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

/** The shortest decimal that is this float32; a number that is none stays as it is. */
function shortFloat32(value: number): number {
  for (let digits = 6; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

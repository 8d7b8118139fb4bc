/**
 * TensorFlow Serving's gRPC API, by @grpc/grpc-js and @grpc/proto-loader on the .proto files of this package: what any
 * client of the protocol sends and sees. Protobuf.js makes code of the descriptors, so bin/pillion allows that for this
 * command alone.
 */
import { Buffer } from 'node:buffer';
import type { Client, Metadata, ServiceError } from '@grpc/grpc-js';
import { type ServedTensor, type SignatureInfo, signatureIn, type TensorInfo } from '../../cli/served-inputs.ts';
import type { ServerAddress } from '../../cli/server-address.ts';
import { systemClock } from '../../core/clock.ts';
import { GrpcStatus } from '../../core/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import { PROTO_DESCRIPTORS } from '../../gen/proto-descriptors.ts';
import { type Answer, answerOf, countOf, nested, type Protocol, type Target, tensorsOf } from './protocol.ts';

/** The stub of PredictionService, as far as it is used. */
type Stub = Client & Readonly<Record<'Predict' | 'GetModelMetadata', Method>>;
type Method = (
  request: object,
  metadata: Metadata,
  options: { readonly deadline: number },
  onAnswer: (error: ServiceError | null, answer: object) => void,
) => void;
type Service = new (address: string, credentials: object, options: object) => Stub;

/** A map's entries: protobuf.js reads no maps of descriptors, and on the wire a map is these messages. */
type Entries<T> = readonly { readonly key: string; readonly value: T }[];

/** A TensorProto as proto-loader gives it. */
interface AnsweredTensor extends TensorInfo {
  readonly tensor_content: Buffer;
  readonly [values: string]: unknown;
}

/** An answer is no longer, compressed or not; so it is over REST. */
const MAX_ANSWER_BYTES = 2 ** 29;

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

export async function grpcProtocol(server: ServerAddress, target: Target): Promise<Protocol> {
  const grpc = await import('@grpc/grpc-js');
  const stub = await connect(grpc, server);
  const spec = {
    name: target.model,
    signature_name: target.signature,
    ...(target.version !== '' && { version: { value: target.version } }),
  };
  const call = (name: 'Predict' | 'GetModelMetadata', request: object): Promise<object> =>
    new Promise((resolve, reject) => {
      const metadata = new grpc.Metadata();
      if (server.token !== undefined) metadata.set('authorization', `Bearer ${server.token}`);
      const options = { deadline: systemClock.wallMs() + server.timeoutMs };
      stub[name](request, metadata, options, (error, answer) => {
        if (error === null) resolve(answer);
        else reject(new Error(refusalText(error, server.shown)));
      });
    });
  let known: ReadonlyMap<string, ServedTensor> | undefined;
  const inputs = async (): Promise<ReadonlyMap<string, ServedTensor>> => {
    known ??= inputsIn(await call('GetModelMetadata', { model_spec: spec, metadata_field: ['signature_def'] }), target);
    return known;
  };
  return {
    inputs,
    predict: async (body) => {
      const tensors = [...tensorsOf(body, await inputs())];
      const sent = tensors.map(([key, tensor]) => ({ key, value: tensorProto(tensor) }));
      return answerIn(await call('Predict', { model_spec: spec, inputs: sent }));
    },
    close: () => stub.close(),
  };
}

/** Rejects with an Error for a process that may not make code. */
async function connect(
  grpc: typeof import('@grpc/grpc-js'),
  { shown, base, socketPath, ca }: ServerAddress,
): Promise<Stub> {
  const { loadFileDescriptorSetFromBuffer } = await import('@grpc/proto-loader');
  const options = { keepCase: true, longs: String, enums: String, defaults: true, json: true };
  let definition: ReturnType<typeof loadFileDescriptorSetFromBuffer>;
  try {
    definition = loadFileDescriptorSetFromBuffer(descriptorSet(), options);
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
    throw new Error(
      'gRPC needs code of descriptors, which this process forbids; run node without --disallow-code-generation-from-strings',
    );
  }
  const { tensorflow } = grpc.loadPackageDefinition(definition) as unknown as {
    readonly tensorflow: { readonly serving: { readonly PredictionService: Service } };
  };
  const isSecure = base.startsWith('https:');
  const credentials = isSecure ? grpc.credentials.createSsl(ca ?? null) : grpc.credentials.createInsecure();
  const address = socketPath === undefined ? new URL(base.replace(/^https?:/, 'grpc:')).host : `unix:${socketPath}`;
  if (address === '') throw new Error(`--server=${shown} wants HOST:PORT`);
  const sizes = { 'grpc.max_receive_message_length': MAX_ANSWER_BYTES, 'grpc.max_send_message_length': -1 };
  return new tensorflow.serving.PredictionService(address, credentials, sizes);
}

/** The files that PredictionService needs: reading all takes twice as long. */
const FILES =
  /^(tensorflow|xla|google)\/|^tensorflow_serving\/apis\/(input|model|classification|get_model_metadata|inference|predict|prediction_service|regression)\.proto$/;

/** A FileDescriptorSet: field 1, length, FileDescriptorProto, for each file. */
function descriptorSet(): Buffer {
  return Buffer.concat(
    PROTO_DESCRIPTORS.filter(([name]) => FILES.test(name)).flatMap(([, base64]) => {
      const file = Buffer.from(base64, 'base64');
      return [Buffer.from([(1 << 3) | 2, ...varint(file.length)]), file];
    }),
  );
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function inputsIn(answer: object, { signature }: Target): ReadonlyMap<string, ServedTensor> {
  const { metadata } = answer as {
    readonly metadata: Entries<{ readonly signature_def?: Entries<Record<'inputs' | 'outputs', Entries<TensorInfo>>> }>;
  };
  const signatures = metadata.find(({ key }) => key === 'signature_def')?.value.signature_def ?? [];
  const infos = signatures.map(({ key, value: { inputs } }): [string, SignatureInfo] => [
    key,
    { inputs: byKey(inputs) },
  ]);
  return signatureIn(Object.fromEntries(infos), signature).inputs;
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
  if (given.length > 0) return nested(filled(given.map(plain), count), dims);
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
  if (typeof element === 'number') return shortFloat32(element);
  return typeof element === 'string' && /^-?\d{1,15}$/.test(element) ? Number(element) : element;
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

/** "DEADLINE_EXCEEDED: …", and when a retry makes sense. */
function refusalText({ code, details, metadata }: ServiceError, shown: string): string {
  const name = Object.entries(GrpcStatus).find(([, number]) => number === code)?.[0] ?? String(code);
  const [pushback] = metadata.get('grpc-retry-pushback-ms');
  const later = pushback === undefined || Number(pushback) < 0 ? '' : ` (retry after ${Number(pushback) / 1000} s)`;
  return `${name}: ${details || `no answer from ${shown}`}${later}`;
}

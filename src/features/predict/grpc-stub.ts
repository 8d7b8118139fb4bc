/**
 * A client of TensorFlow Serving's PredictionService, by @grpc/grpc-js and @grpc/proto-loader on the .proto files of this
 * package. Protobuf.js makes code of the descriptors, so bin/pillion allows that for the commands that may use it.
 */
import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import process from 'node:process';
import type { Client, Metadata, ServiceError } from '@grpc/grpc-js';
import { connectionText } from '../../cli/connection-text.ts';
import type { ServerAddress } from '../../cli/server-address.ts';
import { systemClock } from '../../core/clock.ts';
import { GrpcStatus } from '../../core/errors.ts';
import { PROTO_DESCRIPTORS } from '../../gen/proto-descriptors.ts';

type MethodName = 'Predict' | 'GetModelMetadata';

/** The connection to one server; it opens with the first call, and stays open until `close`. */
export interface GrpcStub {
  /** Rejects with the server's error as a text. */
  call(name: MethodName, request: object): Promise<object>;
  /** The request as bytes, for calls without end of `timeoutMs` each, whose answers are not read. */
  prepare(name: MethodName, request: object, timeoutMs: number): PreparedCall;
  close(): void;
}

/** Sends the call. `onEnd` is called once, with the name of a status, or undefined for OK. */
export type PreparedCall = (onEnd: (error: string | undefined) => void) => void;

/** The stub of @grpc/grpc-js, as far as it is used. */
type Stub = Client & Readonly<Record<MethodName, Method>>;
type Method = (
  request: object,
  metadata: Metadata,
  options: { readonly deadline: number },
  onAnswer: (error: ServiceError | null, answer: object) => void,
) => void;
interface Definition {
  readonly path: string;
  readonly requestSerialize: (request: object) => Buffer;
}
type Service = (new (
  address: string,
  credentials: object,
  options: object,
) => Stub) & {
  readonly service: Readonly<Record<MethodName, Definition>>;
};

/** An answer is no longer, compressed or not; so it is over REST. */
const MAX_ANSWER_BYTES = 2 ** 29;

/** Rejects with an Error for a process that may not make code. */
export async function connectStub(server: ServerAddress): Promise<GrpcStub> {
  const grpc = await import('@grpc/grpc-js');
  const Service = await loadService(grpc);
  const stub = connect(grpc, Service, server);
  const metadata = new grpc.Metadata();
  if (server.token !== undefined) metadata.set('authorization', `Bearer ${server.token}`);
  const within = (timeoutMs: number): { deadline: number } => ({ deadline: systemClock.wallMs() + timeoutMs });
  return {
    call: (name, request) =>
      new Promise((resolve, reject) => {
        stub[name](request, metadata, within(server.timeoutMs), (error, answer) => {
          if (error === null) resolve(answer);
          else reject(new Error(refusalText(error, server)));
        });
      }),
    prepare: (name, request, timeoutMs) => {
      const { path, requestSerialize } = Service.service[name];
      const bytes = requestSerialize(request);
      const asItIs = (each: Buffer): Buffer => each;
      return (onEnd) => {
        stub.makeUnaryRequest(path, asItIs, asItIs, bytes, metadata, within(timeoutMs), (error) =>
          onEnd(error === null ? undefined : statusName(error)),
        );
      };
    },
    close: () => stub.close(),
  };
}

function connect(
  grpc: typeof import('@grpc/grpc-js'),
  Service: Service,
  { shown, base, socketPath, ca, identity }: ServerAddress,
): Stub {
  const { key = null, cert = null } = identity ?? {};
  const isSecure = base.startsWith('https:');
  const credentials = isSecure ? grpc.credentials.createSsl(ca ?? null, key, cert) : grpc.credentials.createInsecure();
  const { host, hostname, port, pathname } = new URL(base.replace(/^https?:/, 'grpc:'));
  // @grpc/grpc-js names an address as if it were a host; Node ignores that and warns of it, which is nothing to a user.
  if (isSecure && isIP(hostname.replaceAll(/[[\]]/g, '')) > 0) process.noDeprecation = true;
  if (socketPath === undefined && port === '') throw new Error(`--server=${shown} wants HOST:PORT for gRPC`);
  if (!/^\/?$/.test(pathname)) throw new Error(`--server=${shown} has a path, which gRPC does not have`);
  const sizes = { 'grpc.max_receive_message_length': MAX_ANSWER_BYTES, 'grpc.max_send_message_length': -1 };
  return new Service(socketPath === undefined ? host : `unix:${socketPath}`, credentials, sizes);
}

async function loadService(grpc: typeof import('@grpc/grpc-js')): Promise<Service> {
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
  return tensorflow.serving.PredictionService;
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

function statusName({ code }: ServiceError): string {
  return Object.entries(GrpcStatus).find(([, number]) => number === code)?.[0] ?? String(code);
}

/** "DEADLINE_EXCEEDED: …", and when a retry makes sense. */
function refusalText(error: ServiceError, server: ServerAddress): string {
  const { details, metadata } = error;
  const [pushback] = metadata.get('grpc-retry-pushback-ms');
  const later = pushback === undefined || Number(pushback) < 0 ? '' : ` (retry after ${Number(pushback) / 1000} s)`;
  const unconnected = UNCONNECTED.exec(details)?.groups?.['reason'];
  if (unconnected !== undefined) return `no answer from ${server.shown}: ${connectionText(unconnected, server)}`;
  return `${statusName(error)}: ${details || `no answer from ${server.shown}`}${later}`;
}

/** Matches the text of @grpc/grpc-js about a connection that did not come about: the last error, and an instant. */
const UNCONNECTED =
  /^No connection established\. Last error: (?:Error(?: \[\w+\])?: )?(?<reason>[\s\S]*?)\s*(?:\([\d-]+T[\d:.]+Z\))?\. Resolution note:/;

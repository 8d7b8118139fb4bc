/**
 * A gRPC server over puppet models, on the engine of the case that runs (grpc-engines.ts), and a real @grpc/grpc-js
 * client for it: what the integration tests speak.
 *
 *   await withGrpc((models) => models.add('m'), async (server) => {
 *     const answer = await server.call(PREDICTION, 'Predict', floatRequest([1, 2]));
 *   });
 */
import type { Buffer } from 'node:buffer';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { SurfaceMaker, SurfaceParts } from '../../src/kernel/installation.ts';
import type { RequestRecord } from '../../src/ledger/request-record.ts';
import { Callers } from '../../src/proxy/caller.ts';
import type { ListenTls } from '../../src/proxy/net/tls-server.ts';
import { GrpcServer, type GrpcServerOptions } from '../../src/proxy/servers/grpc-server.ts';
import { reportsOf } from '../../src/proxy/servers/surface.ts';
import { currentEngine } from './grpc-engines.ts';
import { LISTED_SURFACES, puppetParts } from './listed-features.ts';
import type { PuppetDirectory } from './puppet-models.ts';
import { type PartsOptions, ServerParts } from './server-parts.ts';

export const PREDICTION = 'tensorflow.serving.PredictionService';
export const MODEL = 'tensorflow.serving.ModelService';
export const INFERENCE = 'inference.GRPCInferenceService';
export const HEALTH = 'grpc.health.v1.Health';

// biome-ignore lint/suspicious/noExplicitAny: answers of a proto-loader client have no types.
export type Answer = any;

export interface CallOptions {
  readonly deadlineMs?: number;
  readonly metadata?: Readonly<Record<string, string | Buffer>>;
}

export interface Answered {
  readonly answer: Answer;
  readonly headers: grpc.Metadata;
}

const PACKAGE = grpc.loadPackageDefinition(
  loadSync(
    [
      'tensorflow_serving/apis/prediction_service.proto',
      'tensorflow_serving/apis/model_service.proto',
      'grpc_service.proto',
      'grpc/health/v1/health.proto',
      'grpc/reflection/v1/reflection.proto',
      'grpc/reflection/v1alpha/reflection.proto',
    ],
    { includeDirs: ['proto'], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true },
  ),
);

/** A constructor of clients of the service. */
export function clientClass(service: string): grpc.ServiceClientConstructor {
  let found: Answer = PACKAGE;
  for (const part of service.split('.')) found = found[part];
  return found;
}

const MAX_TIMEOUT_MS = 60_000;

export interface GrpcHarnessOptions extends PartsOptions {
  readonly address?: string;
  readonly maxReceiveBytes?: number;
  /** The clock of calls and deadlines. Default: the system's. */
  readonly clock?: Clock;
  readonly server?: Partial<GrpcServerOptions>;
  /** The surfaces that features add. Default: LISTED_SURFACES. */
  readonly surfaces?: readonly SurfaceMaker[];
  readonly tls?: ListenTls;
  /** Credentials of the clients. Default: without TLS. */
  readonly credentials?: grpc.ChannelCredentials;
}

export class GrpcHarness extends ServerParts<Clock> {
  readonly server: GrpcServer;
  readonly parts: SurfaceParts;
  /** The address to which the server is bound. */
  address = '';
  readonly #clients = new Map<string, grpc.Client>();
  readonly #credentials: grpc.ChannelCredentials;

  constructor(options: GrpcHarnessOptions) {
    super(options.clock ?? systemClock, MAX_TIMEOUT_MS, options);
    const { clock } = this;
    const maxReceiveBytes = options.maxReceiveBytes ?? 1 << 20;
    this.#credentials = options.credentials ?? grpc.credentials.createInsecure();
    this.parts = { ...puppetParts(this, maxReceiveBytes), thread: options.server?.thread };
    const surfaces = (options.surfaces ?? LISTED_SURFACES).map((make) => make(this.parts));
    this.server = new GrpcServer({
      engine: currentEngine().create({
        ...{ maxReceiveBytes, clock, callers: new Callers('', undefined, reportsOf(surfaces)?.askedBy) },
        ...(options.tls !== undefined && { tls: options.tls }),
        ...(options.memory !== undefined && { memory: options.memory }),
        onInternalError: this.onInternalError,
      }),
      lifecycle: this.lifecycle,
      resolver: this.parts.resolver,
      modelInfo: this.parts.modelInfo,
      surfaces,
      readiness: this.readiness,
      onInternalError: this.onInternalError,
      options: { maxTensorBytes: maxReceiveBytes, ...options.server },
    });
  }

  /** A client of one service; all share one connection. */
  client(service: string): Answer {
    let client = this.#clients.get(service);
    if (client === undefined) {
      const Client = clientClass(service);
      client = new Client(this.address, this.#credentials, {
        'grpc.ssl_target_name_override': 'localhost',
        'grpc.max_send_message_length': -1,
        'grpc.max_receive_message_length': -1,
      });
      this.#clients.set(service, client);
    }
    return client;
  }

  /** The answer. Rejects with the client's grpc.ServiceError. */
  async call(service: string, method: string, request: object, options: CallOptions = {}): Promise<Answer> {
    return (await this.callWithHeaders(service, method, request, options)).answer;
  }

  callWithHeaders(service: string, method: string, request: object, options: CallOptions = {}): Promise<Answered> {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    const deadline = options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
    return new Promise((resolve, reject) => {
      let headers = new grpc.Metadata();
      const answered = (error: grpc.ServiceError | null, answer: Answer): void => {
        if (error === null) resolve({ answer, headers });
        else reject(error);
      };
      const call = this.client(service)[method](request, metadata, deadline, answered);
      call.on('metadata', (received: grpc.Metadata) => {
        headers = received;
      });
    });
  }

  /** The call must fail: gives its error. */
  async failure(service: string, method: string, request: object, options?: CallOptions): Promise<grpc.ServiceError> {
    try {
      await this.call(service, method, request, options);
    } catch (error) {
      return error as grpc.ServiceError;
    }
    throw new Error(`${method} did not fail`);
  }

  /** Resolves when `holds`: asked again in each turn of the event loop. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The record of the `count`-th request that ended, as soon as it has. */
  async record(count: number): Promise<RequestRecord> {
    return (await this.recorded(count))[count - 1]!;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await this.server.close();
    this.closeParts();
  }
}

/** Starts a server on a free port (or on `address`) with the models that `setUp` adds; runs `use`; stops it. */
export async function withGrpc(
  setUp: (models: PuppetDirectory) => void,
  use: (server: GrpcHarness) => Promise<void>,
  options: GrpcHarnessOptions = {},
): Promise<void> {
  const harness = new GrpcHarness(options);
  setUp(harness.models);
  const [address] = await harness.server.listen([options.address ?? '127.0.0.1:0']);
  harness.address = address!;
  try {
    await use(harness);
  } finally {
    await harness.stop();
  }
}

/** A Predict request for model "m" with one float input "x". */
export function floatRequest(values: readonly number[], spec: object = {}, dims = [values.length]): object {
  const dim = dims.map((size) => ({ size }));
  const x = { dtype: 'DT_FLOAT', tensor_shape: { dim }, float_val: values };
  return { model_spec: { name: 'm', ...spec }, inputs: { x } };
}

/**
 * A gRPC server over puppet models, on the engine of the case that runs (grpc-engines.ts), and a real @grpc/grpc-js client for it: what the integration tests speak.
 *
 *   await withGrpc((models) => models.add('m'), async (server) => {
 *     const answer = await server.call(PREDICTION, 'Predict', floatRequest([1, 2]));
 *   });
 */
import type { Buffer } from 'node:buffer';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { DeadlineTimer } from '../../src/core/deadline-timer.ts';
import { Callers } from '../../src/proxy/caller.ts';
import { ModelInfoHandler } from '../../src/proxy/handlers/model-info.ts';
import { ModelResolver } from '../../src/proxy/handlers/model-resolver.ts';
import type { ReloadHandler } from '../../src/proxy/handlers/reload.ts';
import type { MemoryBudget } from '../../src/proxy/memory-budget.ts';
import type { ListenTls } from '../../src/proxy/net/tls-server.ts';
import { ReadinessGate } from '../../src/proxy/readiness.ts';
import { RefusalHold } from '../../src/proxy/refusal-hold.ts';
import { type CarriedDeadlines, RequestLifecycle } from '../../src/proxy/request-lifecycle.ts';
import { GrpcServer, type GrpcServerOptions } from '../../src/proxy/servers/grpc-server.ts';
import { reportsOf, type Surface } from '../../src/proxy/servers/surface.ts';
import { noTelemetry, type RequestRecord, type Telemetry } from '../../src/telemetry/request-record.ts';
import { currentEngine } from './grpc-engines.ts';
import { type OpenInferenceHarness, openInferenceOf } from './open-inference-parts.ts';
import { PuppetDirectory } from './puppet-models.ts';

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

export interface GrpcHarnessOptions {
  /** Default: no request takes over another's. */
  readonly carriedDeadlines?: CarriedDeadlines;
  readonly address?: string;
  readonly maxReceiveBytes?: number;
  /** Default none: HandleReloadConfigRequest is UNIMPLEMENTED. */
  readonly reload?: ReloadHandler;
  readonly maxTimeoutMs?: number;
  /** Of calls and deadlines. Default: the system's. */
  readonly clock?: Clock;
  readonly server?: Partial<GrpcServerOptions>;
  readonly openInference?: Partial<OpenInferenceHarness>;
  readonly telemetry?: Partial<Telemetry>;
  /** Of requests and messages. Default: one without limits. */
  readonly memory?: MemoryBudget;
  /** What features add. Default: nothing. */
  readonly surfaces?: readonly Surface[];
  /** Longest that a refusal for overload is held. Default: none is. */
  readonly refusalDelayMs?: number;
  readonly tls?: ListenTls;
  /** Of the clients; default: without TLS. */
  readonly credentials?: grpc.ChannelCredentials;
}

export class GrpcHarness {
  readonly models = new PuppetDirectory();
  readonly readiness = new ReadinessGate();
  readonly lifecycle: RequestLifecycle;
  readonly server: GrpcServer;
  /** One for each request that has ended, in order. */
  readonly records: RequestRecord[] = [];
  readonly internalErrors: unknown[] = [];
  /** Of the server as bound. */
  address = '';
  readonly #deadlines: DeadlineTimer;
  readonly #clients = new Map<string, grpc.Client>();
  readonly #credentials: grpc.ChannelCredentials;
  /** Waits for the record of the next request that ends. */
  #onRecord: (() => void) | undefined;

  constructor(options: GrpcHarnessOptions) {
    const maxReceiveBytes = options.maxReceiveBytes ?? 1 << 20;
    this.#credentials = options.credentials ?? grpc.credentials.createInsecure();
    const { clock = systemClock } = options;
    this.#deadlines = new DeadlineTimer(clock);
    this.lifecycle = new RequestLifecycle({
      clock,
      deadlines: this.#deadlines,
      ...(options.memory !== undefined && { memory: options.memory }),
      ...(options.refusalDelayMs !== undefined && {
        refusals: new RefusalHold({ clock, deadlines: this.#deadlines, mostMs: options.refusalDelayMs }),
      }),
      carriedDeadlines: options.carriedDeadlines,
      maxTimeoutMs: { rest: 60_000, grpc: options.maxTimeoutMs ?? 60_000 },
      telemetry: {
        ...noTelemetry,
        ...options.telemetry,
        recordRequest: (record) => {
          this.records.push(record);
          this.#onRecord?.();
        },
      },
    });
    this.readiness.setModelsReady(true);
    const { surfaces = [] } = options;
    this.server = new GrpcServer({
      engine: currentEngine().create({
        ...{ maxReceiveBytes, clock, callers: new Callers('', undefined, reportsOf(surfaces)?.askedBy) },
        ...(options.tls !== undefined && { tls: options.tls }),
        ...(options.memory !== undefined && { memory: options.memory }),
        onInternalError: (error) => this.internalErrors.push(error),
      }),
      lifecycle: this.lifecycle,
      resolver: new ModelResolver(this.models),
      modelInfo: new ModelInfoHandler(this.models),
      openInference: openInferenceOf({ ...this, ...options.openInference }),
      reload: options.reload,
      surfaces,
      readiness: this.readiness,
      onInternalError: (error) => this.internalErrors.push(error),
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
    while (this.records.length < count) {
      await new Promise<void>((resolve) => {
        this.#onRecord = resolve;
      });
    }
    return this.records[count - 1]!;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await this.server.close();
    this.#deadlines.close();
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

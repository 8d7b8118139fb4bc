/** What a feature gets when it installs: the parts that a server has by then, and the seams that take the feature's own. */
import type { CodecThread } from '../codec-thread/codec-thread.ts';
import type { OptionTable, OptionValues } from '../config/read-options.ts';
import type { ServeConfig } from '../config/serve-config.ts';
import type { Clock } from '../core/clock.ts';
import type { ModelRepository } from '../models/triton/model-repository.ts';
import type { GrpcEngine, GrpcEngineOptions } from '../proxy/grpc/engine.ts';
import type { ModelInfoHandler } from '../proxy/handlers/model-info.ts';
import type { ModelResolver } from '../proxy/handlers/model-resolver.ts';
import type { OperatedModels } from '../proxy/handlers/operated-models.ts';
import type { Readiness } from '../proxy/readiness.ts';
import type { RequestLifecycle } from '../proxy/request-lifecycle.ts';
import type { Surface } from '../proxy/servers/surface.ts';
import type { AuditLog } from '../telemetry/log/audit-log.ts';
import type { RootLogger } from '../telemetry/log/log.ts';
import type { AppTelemetry } from '../telemetry/telemetry.ts';

/** What lives as long as the server. Each of its functions is called once at most, but for `reread`. */
export interface Service {
  /** The ports are bound, and models begin to load. */
  start?(): void;
  /** SIGHUP: files that it holds are opened anew. */
  reread?(): void;
  /** Nobody asks for anything any more. Bounds the time that it takes itself. */
  close?(): Promise<void> | void;
}

/** How busy the server is. Times since the process's start, in ms. */
export interface LoadReadings {
  /** Cores that runs may take. */
  readonly runCores: () => number;
  /** Time that they need for the requests that wait. */
  readonly waitingMs: () => number;
  /** How long the event loop had something to do. */
  readonly loopBusyMs: () => number;
  /** Cores that the process may use. */
  readonly budgetCores: () => number;
}

/** The parts of the server that a surface may stand on. */
export interface SurfaceParts {
  readonly lifecycle: RequestLifecycle;
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  readonly readiness: Readiness;
  readonly models: OperatedModels;
  /** Undefined without --model_repository. */
  readonly repository: ModelRepository | undefined;
  /** Of changes that callers make. Undefined: they are not written down. */
  readonly audit: AuditLog | undefined;
  /** Reads and writes large messages. Undefined: they are read and written on the event loop. */
  readonly thread: CodecThread | undefined;
  /** Limit of a message, and of all tensors of a request together, in bytes. */
  readonly maxMessageBytes: number;
  readonly loads: LoadReadings;
}

/** Makes a surface when the server is assembled. */
export type SurfaceMaker = (parts: SurfaceParts) => Surface;

/** Makes the engine of the gRPC port when the server is assembled. */
export type EngineMaker = (options: GrpcEngineOptions) => GrpcEngine;

export interface Installation {
  readonly config: ServeConfig;
  readonly clock: Clock;
  readonly logger: RootLogger;
  readonly telemetry: AppTelemetry;
  /** Starts in the order of installation, closes in the reverse of it. */
  service(service: Service): void;
  /** What clients can ask it for, over gRPC and REST. */
  surface(make: SurfaceMaker): void;
  /** The HTTP/2 stack of the gRPC port, in place of the kernel's own. */
  engine(make: EngineMaker): void;
}

/** The values of a feature's own options. */
export function optionsOf<T extends OptionTable>(
  { options }: Pick<ServeConfig, 'options'>,
  _table: T,
): OptionValues<T> {
  // Every option of the list's features was read into the one object (config/serve-config.ts).
  return options as unknown as OptionValues<T>;
}

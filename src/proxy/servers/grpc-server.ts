/** The gRPC surface: our services on an engine. Construct, listen, drain, close. */
import type { Socket } from 'node:net';
import type { AccessControl } from '../../access/access-control.ts';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import type { GrpcEngine } from '../grpc/engine.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { ModelResolver } from '../handlers/model-resolver.ts';
import type { ReloadHandler } from '../handlers/reload.ts';
import type { LoadReports } from '../load/load-reports.ts';
import { HEALTH_SERVICE, HealthService } from '../protocols/health/health-service.ts';
import type { InferStreams } from '../protocols/open-inference/grpc/infer-streams.ts';
import { INFERENCE_SERVICE, registerInferenceService } from '../protocols/open-inference/grpc/inference-service.ts';
import type { OpenInference } from '../protocols/open-inference/open-inference.ts';
import { ORCA_SERVICE, OrcaService } from '../protocols/orca/orca-service.ts';
import { REFLECTION_SERVICES, ReflectionService } from '../protocols/reflection/reflection-service.ts';
import { MODEL_SERVICE, registerModelService } from '../protocols/tensorflow-serving/grpc/model-service.ts';
import {
  PREDICTION_SERVICE,
  registerPredictionService,
} from '../protocols/tensorflow-serving/grpc/prediction-service.ts';
import type { Readiness } from '../readiness.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';

export interface GrpcServerOptions {
  /** Answer Predict with tensor_content instead of the typed *_val fields, which many clients need. Default false. */
  readonly serializationAsTensorContent?: boolean;
  /**
   * Limit of all tensors of one Predict together, decoded, in bytes: the engine's message limit. They may be larger
   * than their message, as varints and by the filling rule, by which ten bytes can describe terabytes.
   */
  readonly maxTensorBytes: number;
  /** Reads and writes large messages. Default: they are read and written on the event loop. */
  readonly thread?: CodecThread;
}

export interface GrpcServerParts {
  readonly engine: GrpcEngine;
  readonly lifecycle: RequestLifecycle;
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  readonly openInference: OpenInference;
  /** Undefined if clients may not change which models are served. */
  readonly reload?: ReloadHandler | undefined;
  readonly readiness: Readiness;
  /** Undefined without an authorization file. It is that of the engine's callers. */
  readonly access?: AccessControl | undefined;
  /** Absent: no load is reported. */
  readonly loads?: LoadReports | undefined;
  /** Logs the cause of an INTERNAL, which the caller does not get. */
  readonly onInternalError: (error: unknown, context: RequestContext) => void;
  readonly options: GrpcServerOptions;
}

export class GrpcServer {
  /** Full names of all that it has. */
  readonly services: readonly string[];
  readonly #engine: GrpcEngine;
  readonly #health: HealthService;
  readonly #inferStreams: InferStreams;
  readonly #orca: OrcaService | undefined;
  readonly #reflection: ReflectionService;

  constructor(parts: GrpcServerParts) {
    const { engine, lifecycle, resolver, modelInfo, openInference, access, loads, onInternalError, options } = parts;
    const shared = { lifecycle, access, loads, onInternalError };
    this.#engine = engine;
    this.#health = new HealthService(parts.readiness, access === undefined ? modelInfo : undefined);
    const { serializationAsTensorContent = false, maxTensorBytes, thread } = options;
    const prediction = { resolver, modelInfo, serializationAsTensorContent, maxTensorBytes, thread };
    registerPredictionService(engine, prediction, shared);
    registerModelService(engine, modelInfo, parts.reload, shared);
    const inference = { openInference, resolver, maxTensorBytes, thread };
    this.#inferStreams = registerInferenceService(engine, inference, shared);
    this.#health.register(engine);
    this.#orca = loads && new OrcaService(loads, lifecycle.clock);
    this.#orca?.register(engine);
    this.services = [
      PREDICTION_SERVICE,
      MODEL_SERVICE,
      INFERENCE_SERVICE,
      HEALTH_SERVICE,
      ...(loads === undefined ? [] : [ORCA_SERVICE]),
      ...REFLECTION_SERVICES,
    ];
    this.#reflection = new ReflectionService(this.services);
    this.#reflection.register(engine);
  }

  /**
   * Resolves with the addresses as bound, in order. If one cannot be bound, none stays bound. Rejects with ListenError.
   */
  async listen(addresses: readonly string[]): Promise<readonly string[]> {
    const bound: string[] = [];
    try {
      for (const address of addresses) bound.push(await this.#engine.listen(address));
    } catch (error) {
      await this.#engine.close();
      throw error;
    }
    return bound;
  }

  /** As the engine's. */
  accept(socket: Socket): void {
    this.#engine.accept(socket);
  }

  /**
   * Tells the clients of open connections to go elsewhere, and goes on accepting new ones. Their health watches end;
   * streams of requests end when their clients end them.
   */
  turnAway(): void {
    this.#health.endWatches();
    this.#engine.turnAway();
  }

  /**
   * Ends the endless streams (health watches, load reports, reflection, streams of requests) and waits until every call has ended and every connection is
   * closed. Requests in flight finish; the lifecycle refuses new requests on connections that are still open.
   */
  async drain(): Promise<void> {
    this.#endStreams();
    await this.#engine.drain();
  }

  /** Closes every connection now. After `drain`, or instead of it. */
  async close(): Promise<void> {
    this.#endStreams();
    await this.#engine.close();
  }

  #endStreams(): void {
    this.#health.endWatches();
    this.#reflection.endStreams();
    this.#inferStreams.end();
    this.#orca?.endStreams();
  }
}

/** The gRPC surface: our services on an engine. Construct, listen, drain, close. */
import type { Socket } from 'node:net';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import type { AccessControl } from '../access-control.ts';
import type { GrpcEngine, GrpcService } from '../grpc/engine.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { ModelResolver } from '../handlers/model-resolver.ts';
import { HealthService } from '../protocols/health/health-service.ts';
import { modelService } from '../protocols/tensorflow-serving/grpc/model-service.ts';
import { predictionService } from '../protocols/tensorflow-serving/grpc/prediction-service.ts';
import type { Readiness } from '../readiness.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';
import { reportsOf, type Surface } from './surface.ts';

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
  readonly readiness: Readiness;
  /** Undefined: everybody may ask everything. It is that of the engine's callers. */
  readonly access?: AccessControl | undefined;
  /** The surfaces that features add. Default: none. */
  readonly surfaces?: readonly Surface[];
  /** Logs the cause of an INTERNAL, which the caller does not get. */
  readonly onInternalError: (error: unknown, context: RequestContext) => void;
  readonly options: GrpcServerOptions;
}

export class GrpcServer {
  /** Full names of all that it has. */
  readonly services: readonly string[];
  readonly #engine: GrpcEngine;
  readonly #health: HealthService;
  readonly #services: readonly GrpcService[];

  constructor(parts: GrpcServerParts) {
    const { engine, lifecycle, resolver, modelInfo, access, onInternalError, options } = parts;
    const { surfaces = [] } = parts;
    const shared = { lifecycle, access, reports: reportsOf(surfaces), onInternalError };
    this.#engine = engine;
    const { serializationAsTensorContent = false, maxTensorBytes, thread } = options;
    const prediction = { resolver, modelInfo, serializationAsTensorContent, maxTensorBytes, thread };
    const all = (): readonly GrpcService[] => this.#services;
    const added = surfaces.flatMap((each) => each.grpc?.(shared, all) ?? []);
    const healthy = added.filter(({ hasHealth }) => hasHealth).map(({ name }) => name);
    this.#health = new HealthService(parts.readiness, healthy, access === undefined ? modelInfo : undefined);
    this.#services = [predictionService(prediction, shared), modelService(modelInfo, shared), this.#health, ...added];
    for (const { methods } of this.#services) for (const method of methods) engine.register(method);
    this.services = [...new Set(this.#services.map(({ name }) => name))];
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

  /** Takes a connection, as the engine does. */
  accept(socket: Socket): void {
    this.#engine.accept(socket);
  }

  /**
   * Tells the clients of open connections to go elsewhere, and goes on accepting new ones. Their health watches end;
   * streams of requests end when their clients end them.
   */
  turnAway(): void {
    this.#health.endStreams();
    this.#engine.turnAway();
  }

  /**
   * Ends the endless streams (health watches, load reports, reflection, streams of requests) and waits until every call
   * has ended and every connection is closed. Requests in flight finish; the lifecycle refuses new requests on connections that are still open.
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
    for (const service of this.#services) service.endStreams?.();
  }
}

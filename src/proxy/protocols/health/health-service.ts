/**
 * grpc.health.v1.Health: says whether the server wants requests. All services have the server's one readiness; the name of
 * a model, as a service, has the model's. With access control no model is known here: health is open to all.
 *
 * It is outside the request lifecycle on purpose: a draining server must still answer that it is not serving, and a
 * Watch that stays open for days is no request in flight.
 */
import { lengthDelimited, WireReader } from '../../../codec/protobuf/wire-reader.ts';
import { mapField, message, varintField } from '../../../codec/protobuf/wire-writer.ts';
import { GrpcStatus, ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { CallReader, GrpcCall, GrpcMethod, GrpcService } from '../../grpc/engine.ts';
import { OK, statusOf } from '../../grpc/grpc-errors.ts';
import type { ModelInfoHandler } from '../../handlers/model-info.ts';
import type { Readiness } from '../../readiness.ts';
import { MODEL_SERVICE } from '../tensorflow-serving/grpc/model-service.ts';
import { PREDICTION_SERVICE } from '../tensorflow-serving/grpc/prediction-service.ts';

export const HEALTH_SERVICE = 'grpc.health.v1.Health';

/** HealthCheckResponse.ServingStatus. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

export class HealthService implements GrpcService {
  readonly name = HEALTH_SERVICE;
  readonly #readiness: Readiness;
  /** "" is the whole server; TensorFlow Serving knows its services without their package. */
  readonly #known: readonly string[];
  readonly #models: Pick<ModelInfoHandler, 'isAvailable'> | undefined;
  readonly #watches = new Set<HealthWatch>();
  #isEnding = false;

  /** `added`: services of features that serve models. `models`: undefined = their names are told to nobody. */
  constructor(readiness: Readiness, added: readonly string[] = [], models?: Pick<ModelInfoHandler, 'isAvailable'>) {
    this.#readiness = readiness;
    this.#known = ['', PREDICTION_SERVICE, MODEL_SERVICE, ...added, 'PredictionService', 'ModelService'];
    this.#models = models;
  }

  get methods(): readonly GrpcMethod[] {
    const method = (name: string, answer: (call: GrpcCall, bytes: Uint8Array) => void) => ({
      path: `/${HEALTH_SERVICE}/${name}`,
      isClientStream: false,
      enforcesDeadline: false,
      start: (call: GrpcCall): CallReader => ({ onMessage: (bytes) => answer(call, bytes), onAbort: () => undefined }),
    });
    return [
      method('Check', (call, bytes) => this.#check(call, bytes)),
      method('List', (call) => this.#list(call)),
      { ...method('Watch', () => undefined), start: (call) => new HealthWatch(call, this) },
    ];
  }

  /** Begins a drain: ends every Watch with NOT_SERVING and the status OK. New ones end at once too. */
  endStreams(): void {
    this.#isEnding = true;
    for (const watch of this.#watches) watch.finish();
  }

  /** Undefined for an unknown service. */
  statusOf(service: string): number | undefined {
    const isWell = this.#known.includes(service) ? this.#readiness.isReady : this.#isModelWell(service);
    if (isWell === undefined) return undefined;
    return isWell && !this.#isEnding ? SERVING : NOT_SERVING;
  }

  /** Updates `watch` on each change until the returned function is called. */
  add(watch: HealthWatch): () => void {
    this.#watches.add(watch);
    const stop = this.#readiness.onChange(() => watch.update());
    return () => {
      stop();
      this.#watches.delete(watch);
    };
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  #isModelWell(name: string): boolean | undefined {
    const isAvailable = this.#models?.isAvailable(name);
    return isAvailable && this.#readiness.isOpen;
  }

  #check(call: GrpcCall, bytes: Uint8Array): void {
    const service = readService(call, bytes);
    if (service === undefined) return;
    const status = this.statusOf(service);
    if (status === undefined) {
      const text = `health of ${quoteName(service)} is not known; ask for "", ${PREDICTION_SERVICE} or a model`;
      call.end({ code: GrpcStatus.NOT_FOUND, message: text });
      return;
    }
    call.send(healthCheckResponse(status));
    call.end(OK);
  }

  /** HealthListResponse: 1 statuses map<string, HealthCheckResponse>. */
  #list(call: GrpcCall): void {
    const statuses = this.#known.map((name) => mapField(1, name, healthCheckResponse(this.statusOf(name)!)));
    call.send(message(...statuses));
    call.end(OK);
  }
}

/** One client's open Watch. */
class HealthWatch implements CallReader {
  readonly #call: GrpcCall;
  readonly #health: HealthService;
  #service = '';
  #sentStatus: number | undefined;
  #stop: (() => void) | undefined;

  constructor(call: GrpcCall, health: HealthService) {
    this.#call = call;
    this.#health = health;
  }

  onMessage(bytes: Uint8Array): void {
    const service = readService(this.#call, bytes);
    if (service === undefined) return;
    this.#service = service;
    this.#stop = this.#health.add(this);
    this.update();
    if (this.#health.isEnding) this.finish();
  }

  onAbort(): void {
    this.#stop?.();
  }

  /** Sends the status if it has changed. */
  update(): void {
    const status = this.#health.statusOf(this.#service) ?? SERVICE_UNKNOWN;
    if (status === this.#sentStatus) return;
    this.#sentStatus = status;
    this.#call.send(healthCheckResponse(status));
  }

  finish(): void {
    this.update();
    this.#stop?.();
    this.#call.end(OK);
  }
}

/** HealthCheckRequest: 1 service. Undefined: it could not be read, and the call was ended. */
function readService(call: GrpcCall, bytes: Uint8Array): string | undefined {
  const reader = new WireReader(bytes, 'HealthCheckRequest');
  let service = '';
  try {
    while (reader.next()) {
      if (reader.tag === lengthDelimited(1)) service = reader.string();
      else reader.skip();
    }
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    call.end(statusOf(error));
    return undefined;
  }
  return service;
}

/** HealthCheckResponse: 1 status. */
function healthCheckResponse(status: number): Uint8Array {
  return varintField(1, status);
}

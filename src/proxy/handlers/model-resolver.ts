/** Finds the versions of requests, and what answers in place of one that cannot. */
import type { ServingError, SharedError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { STAGE_ADMIT } from '../../ledger/stage-clock.ts';
import type { SchedulerRequest, ServableHandle } from '../../models/serving/servable.ts';
import type { ServableDirectory } from '../../models/serving/servable-directory.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import type { RequestContext } from '../request-context.ts';

/** A checked request that may move to another model. */
export interface MovableRequest extends SchedulerRequest {
  readonly context: RequestContext;
  readonly served: ServedSignature;
  /** Queues it on the version that was resolved. Throws or rejects with ServingError. */
  runOnResolved(): Promise<TensorMap>;
  /** Throws `invalid_request` if the signature does not take all of its inputs. */
  checkFits(served: ServedSignature): void;
  /** Queues all of it on another version. Throws or rejects with ServingError. The handle must last until it settles. */
  runOn(other: StandIn): Promise<TensorMap>;
  /** Releases the version that was resolved; this one has answered instead. */
  moveTo(handle: ServableHandle, served: ServedSignature): void;
}

/** A version that answers instead of another. Its handle is the request's to release. */
export interface StandIn {
  readonly handle: ServableHandle;
  readonly served: ServedSignature;
}

/** Models that answer in place of others. */
export interface Fallbacks {
  /** Another may answer in place of this one. */
  has(model: string): boolean;
  /** Borrows one for a model that is not available. Throws `error`, which says so, if there is none. */
  acquire(spec: ModelSpec, error: ServingError, context: RequestContext): StandIn;
  /** Runs the request on its resolved version; if that fails, on another, to which the request moves. */
  run(request: MovableRequest): Promise<TensorMap>;
}

/** The place of the fallbacks, which come and go with the list of models. */
export interface FallbackSource {
  /** Undefined while no model has one. */
  readonly fallbacks: Fallbacks | undefined;
}

const NO_FALLBACKS: FallbackSource = { fallbacks: undefined };

/**
 * Lets a request whose version could not be had count for its model, with no version. A name that is not served is left
 * out: callers must not make label values.
 */
export function nameRefused(context: RequestContext, { modelNames }: ServableDirectory, name: string): void {
  if (modelNames.includes(name)) context.model = name;
}

export class ModelResolver {
  readonly models: ServableDirectory;
  /** Asked for each request. */
  readonly source: FallbackSource;

  constructor(models: ServableDirectory, source = NO_FALLBACKS) {
    this.models = models;
    this.source = source;
  }

  /**
   * The refusal of a Predict that is not decoded, where its model has given the same a moment ago and has nothing that
   * answers instead of it. The request's record names the version then. Undefined: decode and submit it.
   */
  refusalOf(spec: ModelSpec, context: RequestContext): SharedError | undefined {
    const { models } = this;
    const servable = models.find?.(spec.name, spec);
    // A step may run on another version.
    if (context.step !== undefined) return undefined;
    // A request whose payload is captured must be decoded.
    if (servable === undefined || servable.findings.samplePoint.capture !== undefined) return undefined;
    const served = servable.served.get(spec.signatureName || DEFAULT_SIGNATURE_NAME);
    if (served === undefined || this.source.fallbacks?.has(spec.name) === true) return undefined;
    const refusal = servable.runner.refusalOf?.(served.signatureName, context);
    if (refusal === undefined) return undefined;
    context.model = servable.name;
    context.version = served.versionText;
    context.signatureName = served.signatureName;
    context.stages.enter(STAGE_ADMIT, context.now());
    return refusal;
  }

  /** The version of a spec is there and has one signature. */
  hasOneSignature(spec: ModelSpec): boolean {
    return this.models.find?.(spec.name, spec)?.served.size === 1;
  }

  /**
   * The signature that a request means that names none: the only one, where that is not `serving_default`. Undefined:
   * `serving_default`, or the version is not there.
   */
  soleSignature(spec: ModelSpec): string | undefined {
    const served = this.models.find?.(spec.name, spec)?.served;
    if (served === undefined || served.size !== 1 || served.has(DEFAULT_SIGNATURE_NAME)) return undefined;
    return served.keys().next().value;
  }
}

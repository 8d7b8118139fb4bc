/**
 * What the calls that run a model have in common: a version and a signature of it, borrowed from `resolve` until the run is
 * queued. A version that is unloaded waits for what was queued on it by itself.
 *
 * It is the very request that the version's runner gets, and it may move to another model that answers instead: then that
 * is whose answer it is.
 */
import { type ErrorKind, ServingError } from '../../core/errors.ts';
import { listNames } from '../../core/list-names.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ServableHandle } from '../../models/serving/servable.ts';
import type { ServableDirectory } from '../../models/serving/servable-directory.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import type { Call } from '../call.ts';
import type { RequestContext } from '../request-context.ts';
import { Fallbacks, type MovableRequest } from './fallbacks.ts';

/** Where calls find their models, and who answers in a model's place. */
export class PredictHandler {
  readonly models: ServableDirectory;
  readonly fallbacks: Fallbacks;

  constructor(models: ServableDirectory) {
    this.models = models;
    this.fallbacks = new Fallbacks(models);
  }
}

const NO_TENSORS: TensorMap = new Map();
const NO_NAMES: readonly string[] = [];

export abstract class InferenceCall<Given> implements Call<Given>, MovableRequest {
  /** As the request has it. */
  readonly requested: ModelSpec;
  readonly context: RequestContext;
  /** Of the version that was asked; after the run, of the one that answered. The same object for all its requests. */
  served!: ServedSignature;
  signatureName = '';
  /** From `check` on: in the signature's order. */
  inputs = NO_TENSORS;
  outputs = NO_NAMES;
  protected handle!: ServableHandle;
  readonly #handler: PredictHandler;
  /** Somebody answers in its model's place. */
  #hasFallbacks = false;

  constructor(handler: PredictHandler, requested: ModelSpec, context: RequestContext) {
    this.#handler = handler;
    this.requested = requested;
    this.context = context;
  }

  /**
   * Throws ServingError (model_not_found, label_not_found, model_not_ready, invalid_request). `unknownSignature` is the
   * kind of error for a signature that is not there: the methods differ in it. Where the model is not there and another
   * stands in for it, that one is resolved.
   */
  resolve(unknownSignature: ErrorKind = 'signature_not_found'): void {
    const { requested, context } = this;
    const { models, fallbacks } = this.#handler;
    if (requested.name === '') {
      throw new ServingError('invalid_request', 'model_spec.name is empty; send the name of a served model');
    }
    this.#hasFallbacks = models.fallbacks?.(requested.name) !== undefined;
    let handle: ServableHandle;
    try {
      handle = models.acquire(requested.name, requested);
    } catch (error) {
      if (!this.#hasFallbacks || !(error instanceof ServingError)) throw error;
      const fallback = fallbacks.insteadOf(requested, error, context);
      this.handle = fallback.handle;
      this.#serve(fallback.served);
      return;
    }
    this.handle = handle;
    const { servable } = handle;
    const signatureName = requested.signatureName || DEFAULT_SIGNATURE_NAME;
    const served = servable.served.get(signatureName);
    context.model = servable.name;
    if (served === undefined) {
      context.version = servable.version.toString();
      throw new ServingError(
        unknownSignature,
        `model "${servable.name}" version ${servable.version} has no signature "${signatureName}"; it has: ${listNames(servable.signatures.keys())}`,
      );
    }
    context.version = served.versionText;
    context.signatureName = signatureName;
    this.#serve(served);
  }

  abstract check(): void;

  abstract submit(): Given | Promise<Given>;

  abandon(): void {
    this.handle?.release();
  }

  /** Queues it: on the own model, and where that does not answer on the one that is configured to stand in. */
  protected run(): Promise<TensorMap> {
    try {
      return this.#hasFallbacks ? this.#handler.fallbacks.orElse(this) : this.handle.servable.runner.submit(this);
    } finally {
      this.handle.release();
    }
  }

  ask(): Promise<TensorMap> {
    return this.handle.servable.runner.submit(this);
  }

  moveTo(handle: ServableHandle, served: ServedSignature): void {
    this.handle.release();
    this.handle = handle;
    this.#serve(served);
  }

  #serve(served: ServedSignature): void {
    this.served = served;
    this.signatureName = served.signatureName;
  }
}

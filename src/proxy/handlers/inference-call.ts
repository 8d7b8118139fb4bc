/**
 * The base of the calls that run a model. It borrows a version, and finds its signature, from `resolve` until the run
 * is queued. A version that is being unloaded waits by itself for the runs that are queued on it.
 *
 * The call is the request that the version's runner gets. It may move to a fallback model, which then gives the answer.
 */
import { type ErrorKind, invalidRequest, ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { ModelSpec, SequenceStep } from '../../core/model-spec.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { PlaceInSequence, ServableHandle, ServableRequest } from '../../models/serving/servable.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import type { StepTable } from '../../models/serving/steps.ts';
import type { Call, Permit } from '../call.ts';
import { ownerOf } from '../caller.ts';
import type { RequestContext } from '../request-context.ts';
import { checkInputs } from './check-inputs.ts';
import {
  type Fallbacks,
  type ModelResolver,
  type MovableRequest,
  nameRefused,
  type StandIn,
} from './model-resolver.ts';

const NO_TENSORS: TensorMap = new Map();
const NO_NAMES: readonly string[] = [];

export abstract class InferenceCall<Given> implements Call<Given>, MovableRequest, ServableRequest {
  /** The model_spec as it was sent. */
  readonly requested: ModelSpec;
  readonly context: RequestContext;
  /**
   * The signature of the resolved version; after a fallback, of the version that answered. All its requests share it.
   */
  served!: ServedSignature;
  signatureName = '';
  /** Set by `check`, in the signature's order. */
  inputs = NO_TENSORS;
  outputs = NO_NAMES;
  /** Set by `resolve` if it is a step of a sequence. */
  sequence: PlaceInSequence | undefined;
  protected handle!: ServableHandle;
  protected readonly resolver: ModelResolver;
  /** The step that the request says it is. */
  protected readonly step: SequenceStep | undefined;
  /** Set if another model may answer in place of this one. */
  #fallbacks: Fallbacks | undefined;

  /** `step`: the step of a sequence that it is; absent: as its headers say. */
  constructor(resolver: ModelResolver, requested: ModelSpec, context: RequestContext, step = context.step) {
    this.resolver = resolver;
    this.requested = requested;
    this.context = context;
    this.step = step;
  }

  authorize(permit: Permit): void {
    permit.permit(this.requested.name);
  }

  /**
   * Borrows the version, or its fallback if the version is not available. `unknownSignature` is the kind of error for a
   * signature that the version does not have: the methods differ in it. Throws ServingError (model_not_found,
   * label_not_found, model_not_ready, invalid_request, sequence_lost).
   */
  resolve(unknownSignature: ErrorKind = 'signature_not_found'): void {
    const { requested, context } = this;
    const { models } = this.resolver;
    if (requested.name === '') {
      throw invalidRequest('model_spec.name is empty; send the name of a served model');
    }
    if (this.step !== undefined) {
      this.#resolveStep(this.step);
      return;
    }
    const { fallbacks } = this.resolver.source;
    if (fallbacks?.has(requested.name) === true) this.#fallbacks = fallbacks;
    try {
      this.handle = models.acquire(requested.name, requested);
    } catch (error) {
      nameRefused(context, models, requested.name);
      if (this.#fallbacks === undefined || !(error instanceof ServingError)) throw error;
      const { handle, served } = this.#fallbacks.acquire(requested, error, context);
      this.handle = handle;
      this.#serve(served);
      return;
    }
    this.#serve(this.#servedOf(unknownSignature));
  }

  abstract check(): void;

  abstract submit(): Given | Promise<Given>;

  abandon(): void {
    this.handle?.release();
  }

  /** A step runs on the version of its sequence, and nowhere else: another model does not have its state. */
  #resolveStep(step: SequenceStep): void {
    const { requested, context } = this;
    const { models } = this.resolver;
    const acquire = (): ServableHandle => models.acquire(requested.name, requested);
    const table = models.sequencesOf?.(requested.name);
    const owned = { owner: ownerOf(context.caller), step };
    try {
      this.handle = table === undefined ? acquire() : table.acquire(owned, requested, acquire);
    } catch (error) {
      nameRefused(context, models, requested.name);
      // A sequence that is "not known" would mislead a caller whose model keeps no state at all.
      this.handle = acquire();
      this.#stateful(table);
      throw error;
    }
    const { servable } = this.handle;
    const served = this.#stateful(table);
    this.sequence = table!.stepOf(owned, servable);
    this.#serve(served);
  }

  /** The signature that it names. Throws `invalid_request` if it keeps no state. */
  #stateful(table: StepTable | undefined): ServedSignature {
    const served = this.#servedOf('signature_not_found');
    if (table !== undefined && served.signature.kept !== undefined) return served;
    throw keepsNoState(served);
  }

  /** The signature that it names, of the borrowed version. */
  #servedOf(unknownSignature: ErrorKind): ServedSignature {
    const { requested, context } = this;
    const { servable } = this.handle;
    const signatureName = requested.signatureName || DEFAULT_SIGNATURE_NAME;
    const served = servable.served.get(signatureName);
    context.model = servable.name;
    if (served === undefined) {
      context.version = servable.version.toString();
      throw new ServingError(
        unknownSignature,
        `model "${servable.name}" version ${servable.version} has no signature ${quoteName(signatureName)}; it has: ${listNames(servable.signatures.keys())}`,
      );
    }
    context.version = served.versionText;
    context.signatureName = signatureName;
    return served;
  }

  /** Queues it on the resolved version; if that fails, on the fallback where one is configured. */
  protected run(): Promise<TensorMap> {
    try {
      return this.#fallbacks === undefined ? this.runOnResolved() : this.#fallbacks.run(this);
    } finally {
      this.handle.release();
    }
  }

  runOnResolved(): Promise<TensorMap> {
    return this.handle.servable.runner.submit(this);
  }

  checkFits(served: ServedSignature): void {
    checkInputs(served, served.signature, this.inputs);
  }

  runOn({ handle, served }: StandIn): Promise<TensorMap> {
    const { outputs, context } = this;
    const { signatureName, signature } = served;
    const inputs = checkInputs(served, signature, this.inputs);
    return handle.servable.runner.submit({ signatureName, inputs, outputs, context });
  }

  moveTo(handle: ServableHandle, served: ServedSignature): void {
    this.handle.release();
    this.handle = handle;
    this.#serve(served);
  }

  #serve(served: ServedSignature): void {
    const whyStep = served.signature.kept?.whyStep;
    if (whyStep !== undefined && this.sequence === undefined) {
      throw notAsStep(`model "${served.name}" version ${served.version} ${whyStep}`);
    }
    this.served = served;
    this.signatureName = served.signatureName;
  }
}

function keepsNoState({ name, version, signatureName }: ServedSignature): ServingError {
  return notAsStep(
    `model "${name}" version ${version} signature "${signatureName}" keeps no state, so the request cannot be a step of ` +
      'a sequence; leave out the sequence id, or declare "state" in the pillion.yaml beside the model',
  );
}

function notAsStep(message: string): ServingError {
  return new ServingError('invalid_request', message, { attributes: { stage: 'admit', reason: 'sequence' } });
}

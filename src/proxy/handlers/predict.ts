/**
 * Predict, for every surface: find the model, check what was sent against its signature, queue it, give the outputs.
 *
 *   resolve(spec)  ──▶ PredictTarget (a borrowed version and its signature)   a surface may decode with it (REST does)
 *   predict(target, inputs, outputFilter) ──▶ outputs                        the borrow ends when it is queued
 *
 * A surface that fails between the two calls `target.release()`.
 */
import { type ErrorKind, ServingError } from '../../core/errors.ts';
import { DEFAULT_SIGNATURE_NAME, type Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ServableHandle, ServedSignature } from '../../models/servable.ts';
import type { ServableDirectory } from '../../models/servable-directory.ts';
import { STAGE_ADMIT } from '../../telemetry/stage-clock.ts';
import type { RequestContext } from '../request-context.ts';
import { captured } from './captured-predict.ts';
import { checkInputs, checkOutputFilter } from './check-inputs.ts';
import { listNames } from './list-names.ts';
import type { ModelSpec, ResolvedModelSpec } from './model-spec.ts';
import { tapped } from './tapped-predict.ts';

/** A version and a signature of it, borrowed for one request. */
export class PredictTarget {
  readonly handle: ServableHandle;
  /** As the request has it. */
  readonly requested: ModelSpec;
  readonly #served: ServedSignature;

  constructor(handle: ServableHandle, served: ServedSignature, requested: ModelSpec) {
    this.handle = handle;
    this.requested = requested;
    this.#served = served;
  }

  get served(): ServedSignature {
    return this.#served;
  }

  /** The same object for every request of the version and signature. */
  get modelSpec(): ResolvedModelSpec {
    return this.#served;
  }

  get signature(): Signature {
    return this.#served.signature;
  }

  get outputNames(): readonly string[] {
    return this.#served.outputNames;
  }

  /** Twice is once. */
  release(): void {
    this.handle.release();
  }
}

export class PredictHandler {
  readonly #models: ServableDirectory;

  constructor(models: ServableDirectory) {
    this.#models = models;
  }

  /**
   * Throws ServingError (model_not_found, label_not_found, model_not_ready, invalid_request). `unknownSignature` is the
   * kind of error for a signature that is not there: the methods differ in it.
   */
  resolve(
    spec: ModelSpec,
    context: RequestContext,
    unknownSignature: ErrorKind = 'signature_not_found',
  ): PredictTarget {
    if (spec.name === '') {
      throw new ServingError('invalid_request', 'model_spec.name is empty; send the name of a served model');
    }
    const handle = this.#models.acquire(spec.name, spec);
    const { servable } = handle;
    const signatureName = spec.signatureName || DEFAULT_SIGNATURE_NAME;
    const served = servable.served.get(signatureName);
    context.model = servable.name;
    if (served === undefined) {
      context.version = servable.version.toString();
      handle.release();
      throw new ServingError(
        unknownSignature,
        `model "${servable.name}" version ${servable.version} has no signature "${signatureName}"; it has: ${listNames(servable.signatures.keys())}`,
      );
    }
    context.version = served.versionText;
    context.signatureName = signatureName;
    return new PredictTarget(handle, served, spec);
  }

  /**
   * Runs the request and returns the target's outputs: those of `outputFilter` in its order, or all when it is empty.
   * Throws or rejects with ServingError. The target is released whatever happens: a version that is unloaded waits for
   * what was submitted to it by itself.
   */
  predict(
    target: PredictTarget,
    inputs: TensorMap,
    outputFilter: readonly string[],
    context: RequestContext,
  ): Promise<TensorMap> {
    const { capture } = target.handle.servable.tapPoint;
    if (capture === undefined) return this.#run(target, inputs, outputFilter, context);
    return captured(capture, { target, inputs, outputFilter, context }, () =>
      this.#run(target, inputs, outputFilter, context),
    );
  }

  #run(
    target: PredictTarget,
    inputs: TensorMap,
    outputFilter: readonly string[],
    context: RequestContext,
  ): Promise<TensorMap> {
    try {
      context.stages.enter(STAGE_ADMIT, context.now());
      context.cancel.throwIfCancelled();
      const { signature, modelSpec } = target;
      const checked = checkInputs(modelSpec, signature, inputs);
      const outputs =
        outputFilter.length === 0 ? target.outputNames : checkOutputFilter(modelSpec, signature, outputFilter);
      const first = checked.values().next().value;
      context.rows = signature.batchAxis.kind === 'none' ? 1 : (first?.shape[0] ?? 1);
      const { signatureName } = modelSpec;
      const { runner, tapPoint } = target.handle.servable;
      const answer = runner.submit({ signatureName, inputs: checked, outputs, context });
      const { tap } = tapPoint;
      return tap === undefined ? answer : tapped(tap, { target, inputs: checked, outputFilter, context, answer });
    } finally {
      target.release();
    }
  }
}

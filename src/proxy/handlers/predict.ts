/**
 * Predict, for every surface: find the model, check what was sent against its signature, queue it, give the outputs.
 *
 *   resolve(spec)  ──▶ PredictTarget (a borrowed version and its signature)   a surface may decode with it (REST does)
 *   predict(target, inputs, outputFilter) ──▶ outputs                        the borrow ends when it is queued
 *
 * A surface that fails between the two calls `target.release()`.
 */
import { type ErrorKind, ServingError } from '../../core/errors.ts';
import { listNames } from '../../core/list-names.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ServableHandle } from '../../models/servable.ts';
import type { ServableDirectory } from '../../models/servable-directory.ts';
import { STAGE_ADMIT } from '../../telemetry/stage-clock.ts';
import type { RequestContext } from '../request-context.ts';
import { Alternates } from './alternates.ts';
import { captured } from './captured-predict.ts';
import { checkInputs, checkOutputFilter } from './check-inputs.ts';
import { PredictTarget } from './predict-target.ts';
import { copied } from './tapped-predict.ts';

export class PredictHandler {
  readonly #models: ServableDirectory;
  readonly #alternates: Alternates;

  constructor(models: ServableDirectory) {
    this.#models = models;
    this.#alternates = new Alternates(models);
  }

  /**
   * Throws ServingError (model_not_found, label_not_found, model_not_ready, invalid_request). `unknownSignature` is the
   * kind of error for a signature that is not there: the methods differ in it. Where the model is not there and another
   * stands in for it, the target is the other's.
   */
  resolve(
    spec: ModelSpec,
    context: RequestContext,
    unknownSignature: ErrorKind = 'signature_not_found',
  ): PredictTarget {
    if (spec.name === '') {
      throw new ServingError('invalid_request', 'model_spec.name is empty; send the name of a served model');
    }
    const standIns = this.#alternates.areFor(spec.name) ? this.#alternates : undefined;
    let handle: ServableHandle;
    try {
      handle = this.#models.acquire(spec.name, spec);
    } catch (error) {
      if (standIns === undefined || !(error instanceof ServingError)) throw error;
      const standIn = this.#alternates.insteadOf(spec, error, context);
      return new PredictTarget(standIn.handle, standIn.served, spec, standIns);
    }
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
    return new PredictTarget(handle, served, spec, standIns);
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
      const sample = target.handle.servable.tapPoint.tap?.sample();
      const answer = target.run({ inputs: checked, outputs, context });
      return sample === undefined ? answer : copied(sample, { target, inputs: checked, outputFilter, context, answer });
    } finally {
      target.release();
    }
  }
}

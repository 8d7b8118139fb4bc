/** A version and a signature of it, borrowed for one request; which may move to another model that answers instead. */
import type { ModelSpec, ResolvedModelSpec } from '../../core/model-spec.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ServableHandle } from '../../models/servable.ts';
import type { ServedSignature } from '../../models/served-signature.ts';
import type { RequestContext } from '../request-context.ts';

/** What a target asks the model for: checked, in the signature's order. */
export interface TargetRun {
  readonly inputs: TensorMap;
  readonly outputs: readonly string[];
  readonly context: RequestContext;
}

/** Who answers when the target's own model does not. handlers/alternates.ts is one. */
export interface StandIns {
  /** What the target's own model answers, or another one, to which the target has moved then. */
  orElse(target: PredictTarget, run: TargetRun): Promise<TensorMap>;
}

export class PredictTarget {
  /** As the request has it. */
  readonly requested: ModelSpec;
  readonly #standIns: StandIns | undefined;
  #handle: ServableHandle;
  #served: ServedSignature;

  constructor(handle: ServableHandle, served: ServedSignature, requested: ModelSpec, standIns?: StandIns) {
    this.requested = requested;
    this.#standIns = standIns;
    this.#handle = handle;
    this.#served = served;
  }

  get handle(): ServableHandle {
    return this.#handle;
  }

  /** After `run` it is what answered. */
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

  /** Queues the run. Throws or rejects with ServingError. The inputs' bytes are read until it settles. */
  run(run: TargetRun): Promise<TensorMap> {
    return this.#standIns === undefined ? this.ask(run) : this.#standIns.orElse(this, run);
  }

  /** The same of its own model, whoever stands in for it. */
  ask({ inputs, outputs, context }: TargetRun): Promise<TensorMap> {
    const { runner } = this.#handle.servable;
    return runner.submit({ signatureName: this.#served.signatureName, inputs, outputs, context });
  }

  /** Gives back what it has, and stands from now on for this, which has answered. */
  moveTo(handle: ServableHandle, served: ServedSignature): void {
    this.#handle.release();
    this.#handle = handle;
    this.#served = served;
  }

  /** Twice is once. */
  release(): void {
    this.#handle.release();
  }
}

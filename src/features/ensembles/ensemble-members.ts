/**
 * The models of an ensemble's steps. A step gets the version of its model that is served at that moment: the ensemble
 * goes on when a member is reloaded, as long as the new version has what the ensemble takes from it.
 */
import type { Instant } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { TensorSpec } from '../../core/signature.ts';
import type { ServableHandle } from '../../models/serving/servable.ts';
import type { ServableDirectory } from '../../models/serving/servable-directory.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import { WHY_NOT_READY } from '../../models/serving/why-not-ready.ts';
import { misfitOf, type PlannedStep } from './ensemble-plan.ts';

export type MemberDirectory = Pick<ServableDirectory, 'acquire' | 'find' | 'modelNames'>;

export interface AcquiredMember {
  /** The step's owner releases it when the step is submitted. */
  readonly handle: ServableHandle;
  readonly served: ServedSignature;
}

/** How long a member's estimate is used again. */
const ESTIMATE_MS = 100;

export class EnsembleMembers {
  readonly #models: MemberDirectory;
  readonly #tensors: ReadonlyMap<string, TensorSpec>;
  /** The signatures that were found to fit, by the place of their step. */
  readonly #fitting = new Map<number, ServedSignature>();

  /** The least time of a run, by the place of its step. */
  readonly #leastMs = new Map<number, { readonly ms: number; readonly until: Instant }>();

  /** `tensors`: those of the ensemble, by name. */
  constructor(models: MemberDirectory, tensors: ReadonlyMap<string, TensorSpec>) {
    this.#models = models;
    this.#tensors = tensors;
  }

  /** Throws `model_not_found` if the member is not there, `model_not_ready` if it loads, `load_failed` if its version fits no more. */
  acquire(step: PlannedStep): AcquiredMember {
    const handle = this.#lend(step);
    try {
      return { handle, served: this.#fitting.get(step.index) ?? this.#checked(step, handle) };
    } catch (error) {
      handle.release();
      throw error;
    }
  }

  /** Why a step of these could not be answered now; undefined: each member is there and ready. */
  whyNotReady(steps: readonly PlannedStep[]): string | undefined {
    for (const { member } of steps) {
      const servable = this.#models.find?.(member.name, member);
      if (servable === undefined) return `its member ${quoteName(member.name)} is not available`;
      const why = servable.facts.get(WHY_NOT_READY)?.();
      if (why !== undefined) return `its member ${quoteName(member.name)} is not ready: ${why}`;
    }
    return undefined;
  }

  /** How long a run of the step takes at least; 0 if it is not known, or if the step may need none. */
  leastMs(step: PlannedStep, now: Instant): number {
    const known = this.#leastMs.get(step.index);
    if (known !== undefined && now < known.until) return known.ms;
    const ms = this.#estimate(step);
    this.#leastMs.set(step.index, { ms, until: now + ESTIMATE_MS });
    return ms;
  }

  #estimate({ member, signatureName }: PlannedStep): number {
    const servable = this.#models.find?.(member.name, member);
    if (servable === undefined || servable.runner.maySpareRuns === true) return 0;
    const estimates = servable.runner.latencyEstimates?.().get(signatureName) ?? [];
    const means = estimates.filter(({ runs }) => runs > 0).map(({ meanMs }) => meanMs);
    return means.length === 0 ? 0 : Math.min(...means);
  }

  #lend({ index, member }: PlannedStep): ServableHandle {
    try {
      const handle = this.#models.acquire(member.name, member);
      const known = this.#fitting.get(index);
      if (known !== undefined && handle.servable.served.get(known.signatureName) !== known) this.#fitting.delete(index);
      return handle;
    } catch (thrown) {
      const { kind, message, retryAfterMs } = toServingError(thrown);
      // A member that was taken away takes its ensembles with it; one that is loading is worth another try.
      const mine = kind === 'model_not_found' ? kind : 'model_not_ready';
      throw new ServingError(mine, message, retryAfterMs === undefined ? {} : { retryAfterMs });
    }
  }

  #checked(step: PlannedStep, { servable }: ServableHandle): ServedSignature {
    const served = servable.served.get(step.signatureName);
    const problem =
      served === undefined
        ? `it has no signature ${quoteName(step.signatureName)}; it has: ${listNames(servable.signatures.keys())}`
        : this.#misfit(step, served);
    if (served !== undefined && problem === undefined) {
      this.#fitting.set(step.index, served);
      return served;
    }
    throw new ServingError(
      'load_failed',
      `version ${servable.version} does not fit the ensemble: ${problem}; load a version that does, or publish a ` +
        'version of the ensemble for it',
    );
  }

  #misfit(step: PlannedStep, { signature }: ServedSignature): string | undefined {
    for (const name of signature.inputs.keys()) {
      if (!step.inputs.has(name)) return `it needs the input ${quoteName(name)}, which the step does not give`;
    }
    const ends = [
      ...[...step.inputs].map((pair) => [...pair, 'input', signature.inputs] as const),
      ...[...step.outputs].map((pair) => [...pair, 'output', signature.outputs] as const),
    ];
    for (const [theirs, ours, what, specs] of ends) {
      const spec = specs.get(theirs);
      if (spec === undefined) return `it has no ${what} ${quoteName(theirs)}`;
      const misfit = misfitOf(spec, this.#tensors.get(ours)!);
      if (misfit !== undefined) return `its ${what} ${quoteName(theirs)} is another than before: ${misfit}`;
    }
    return undefined;
  }
}

/**
 * Steps that the load of a version has beside those that every load has: a feature adds its own, and they run at their
 * stage in the order in which they were installed. One that rejects ends the load, and the version is not served.
 *
 *   pillion.yaml ─▶ opened ─▶ batch axes ─▶ signatures ─▶ views ─▶ stack ─▶ warm-up ─▶ sweep ─▶ check ─▶ served
 *                                           ──────────                    ───────             ─────
 */
import type { ModelConfig } from '../../config/model-config.ts';
import type { Facts } from '../../core/collections/facts.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';
import type { ModelFile } from '../model-file/load-model-file.ts';
import type { Servable } from '../serving/servable.ts';
import type { LatencySeed } from '../warm-up/batch-sweep.ts';

/** A version that is being loaded. */
export interface VersionDraft {
  readonly model: ModelConfig;
  /** Undefined if its directory has none. */
  readonly modelFile: ModelFile | undefined;
  readonly facts: Facts;
  /** The graph's own, whose batch axes are known. A step may put others of the same names in their place. */
  signatures: Signatures;
}

/** A version that is loaded but not served yet. */
export interface LoadedVersion {
  readonly model: ModelConfig;
  readonly servable: Servable;
  readonly versionDirectory: string;
  readonly executor: Executor;
  /** The executor's signatures; the servable may have declared ones, too. */
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly scheduler: SchedulerOptions;
  /** The times of the one run that took so long that no sweep is made. Absent = there was no such run. */
  readonly onlyRun?: readonly LatencySeed[] | undefined;
  /** A step has run recorded requests on it: made-up ones need not run any more, and prove nothing if they fail. */
  hasAnswered?: boolean;
}

/** The version that a step gets, by its stage. */
interface Stages {
  /** Rejects with ServingError `load_failed`. */
  readonly signatures: VersionDraft;
  /** Runs requests, unless warm-up is off. Rejects with the error of the load. */
  readonly 'warm-up': LoadedVersion;
  /** Tries the version as it will be served, whether it is warm or not. Rejects with ServingError `load_failed`. */
  readonly check: LoadedVersion;
}

type Step<S extends keyof Stages> = { readonly stage: S; run(version: Stages[S]): void | Promise<void> };

export type LoadStep = { readonly [S in keyof Stages]: Step<S> }[keyof Stages];

export async function runStage<S extends keyof Stages>(
  steps: readonly LoadStep[],
  stage: S,
  version: Stages[S],
): Promise<void> {
  for (const step of steps) if (step.stage === stage) await (step as Step<S>).run(version);
}

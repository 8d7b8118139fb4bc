/**
 * Steps that the load of a version has beside those that every load has: a feature adds its own, and they run at their
 * stage in the order in which they were installed. One that rejects ends the load, and the version is not served.
 *
 *   pillion.yaml ─▶ opened ─▶ axes ─▶ signatures ─▶ views ─▶ stack ─▶ warm-up ─▶ sweep ─▶ check ─▶ served
 *                    ──────   ────    ──────────     ─────           ───────             ─────
 */
import type { LengthReading, RowVerdict } from '../../backends/backend.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Executor } from '../../core/executor.ts';
import type { BatchAxes, BatchAxis, Signature, Signatures } from '../../core/signature.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';
import type { DeclaredPadding } from '../model-file/declare-padding.ts';
import type { DeclaredSignature } from '../serving/declared-signature.ts';
import type { Servable } from '../serving/servable.ts';
import type { LatencySeed } from '../warm-up/batch-sweep.ts';
import type { OpenedVersion, VersionTarget } from './version-target.ts';

/** The requests of a version that is served. */
export interface ServedLoad {
  readonly queuedTasks: number;
  readonly runningBatches: number;
}

/**
 * Puts signatures in the place of served ones, of which they differ in batch axis and padding alone. Where they share less,
 * requests that wait share no runs any more from this call on. Never rejects.
 */
export type ReplaceSignatures = (changed: Signatures) => Promise<void>;

/** A version that has been opened. */
export interface VersionDraft extends VersionTarget {
  readonly opened: OpenedVersion;
  /**
   * The graph's own. A batch axis without a reason is a candidate that is still to be decided; after the stage of axes
   * all are. A step may put others of the same names in their place.
   */
  signatures: Signatures;
  /** Those of which the owner of the model declares the batch axes. */
  readonly declared: Signatures;
  /** Signatures that requests see in the place of these; those of the model's own pillion.yaml have the last word. */
  readonly views: Map<string, DeclaredSignature>;
  /**
   * The padding by signature, where requests of different lengths are to share runs. Undefined = nowhere. A step before
   * that of axes may put others in their place.
   */
  paddings: ReadonlyMap<string, DeclaredPadding> | undefined;
  /** A run took so long, in ms, that no other is made while the version loads; 0 = none did. */
  readonly slowRunMs: number;
  /** How long the first run of a step took, when it has ended, in ms; 0 = there was none. A step may set it. */
  firstRunMs: Promise<number>;
  /** The verdict from the graph; undefined = the graph of this runtime cannot be read. `axes`: by default dim 0. */
  judge(signatureName: string, axes?: BatchAxes): Promise<RowVerdict | undefined>;
  /** Reads in the graph where the arithmetic may change with the length of the rows. Never rejects. */
  readLengths(signatureName: string): Promise<LengthReading>;
  /** Tells the log. */
  onDecided(signatureName: string, axis: BatchAxis): void;
  /** Called once, when requests can get the version. */
  readonly onServed: ((load: ServedLoad, replace: ReplaceSignatures) => void)[];
  /** Called when the version ends, before its host closes, or if its load fails; perhaps twice. */
  readonly onEnd: (() => void)[];
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
  readonly opened: VersionDraft;
  /** Decides batch axes, as far as it can. Never rejects but for a file that cannot be read. */
  readonly axes: VersionDraft;
  /** Rejects with ServingError `load_failed`, as the next one does. */
  readonly signatures: VersionDraft;
  readonly views: VersionDraft;
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

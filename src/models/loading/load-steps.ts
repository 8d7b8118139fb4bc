/**
 * Steps that features add to the load of a version, in the order in which the features were installed.
 *
 *   pillion.yaml ─▶ opened ─▶ batch axes ─▶ signatures ─▶ views ─▶ stack ─▶ warm-up ─▶ served
 */
import type { ModelConfig } from '../../config/model-config.ts';
import type { Facts } from '../../core/collections/facts.ts';
import type { Signatures } from '../../core/signature.ts';
import type { ModelFile } from '../model-file/load-model-file.ts';

/** A version that is being loaded. */
export interface VersionDraft {
  readonly model: ModelConfig;
  /** Undefined if its directory has none. */
  readonly modelFile: ModelFile | undefined;
  readonly facts: Facts;
  /** The graph's own, whose batch axes are known. A step may put others of the same names in their place. */
  signatures: Signatures;
}

export interface LoadStep {
  /** The name for people. */
  readonly name: string;
  readonly stage: 'signatures';
  /** Rejects with ServingError `load_failed`: the version is not served. */
  run(draft: VersionDraft): void | Promise<void>;
}

export async function runStage(
  steps: readonly LoadStep[],
  stage: LoadStep['stage'],
  draft: VersionDraft,
): Promise<void> {
  for (const step of steps) if (step.stage === stage) await step.run(draft);
}

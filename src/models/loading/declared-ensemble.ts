/** An ensemble as a model's configuration declares it, for the feature that runs it, whichever format it has. */
import type { Signatures } from '../../core/signature.ts';
import type { DeclaredSignature } from '../serving/declared-signature.ts';
import type { Servable } from '../serving/servable.ts';

/** Models that answer together: the outputs of some are the inputs of others. */
export interface EnsembleDeclaration {
  /** The tensors that requests bring. Default: those that a step takes and none gives. */
  readonly inputs?: readonly string[] | undefined;
  /** The tensors that answers have. Default: those that a step gives and none takes. */
  readonly outputs?: readonly string[] | undefined;
  /** The steps in any order. */
  readonly steps: readonly StepDeclaration[];
}

export interface StepDeclaration {
  readonly model: string;
  /** Default: the version that a request without one gets. */
  readonly version?: bigint | undefined;
  /** Default: serving_default. */
  readonly signature?: string | undefined;
  /** The model's input → the ensemble's tensor that it gets. */
  readonly inputs: ReadonlyMap<string, string>;
  /** The model's output → the ensemble's tensor that it becomes. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** A problem of the ensemble, of a step, or of a tensor that a step names. */
export type ReportEnsemble = (problem: string, ...keys: readonly (string | number)[]) => void;

/** The file that declares an ensemble: a version's pillion.yaml, or the config.pbtxt of a Triton model repository. */
export interface EnsembleSource {
  readonly declared: EnsembleDeclaration;
  readonly report: ReportEnsemble;
  /** The signatures that requests see otherwise. Rejects with `load_failed` with all problems that were reported. */
  views(signatures: Signatures): Promise<ReadonlyMap<string, DeclaredSignature>>;
  /** Adds what else the source says. Call it after `views`. */
  complete(servable: Servable): void;
}

import type { Signatures } from '../../core/signature.ts';
import type { EnsembleDeclaration } from '../model-file/ensemble-schema.ts';
import type { DeclaredSignature } from '../serving/declared-signature.ts';
import type { Servable } from '../serving/servable.ts';
import type { ReportEnsemble } from './ensemble-plan.ts';

/** Where an ensemble is declared: a version's pillion.yaml, or the config.pbtxt of a Triton model repository. */
export interface EnsembleSource {
  readonly declared: EnsembleDeclaration;
  readonly report: ReportEnsemble;
  /** What requests see of the ensemble otherwise. Rejects with `load_failed` with all problems that were reported. */
  views(signatures: Signatures): Promise<ReadonlyMap<string, DeclaredSignature>>;
  /** Adds what else the source says. Call it after `views`. */
  complete(servable: Servable): void;
}

/** The declaration of a version's batch axis: from the server's configuration, else from the model's own pillion.yaml. */
import { declarationOf } from '../../config/batch-declaration.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { Signatures } from '../../core/signature.ts';
import { declareBatching, type ReportBatching } from '../model-file/declare-batching.ts';
import type { ModelFile } from '../model-file/load-model-file.ts';

type Declaring = Pick<ModelConfig, 'name' | 'declaredBatching'>;

/**
 * The graph's signatures with the declared batch axes; those that nothing is declared for are returned as they are.
 * Throws `load_failed` if the server's declaration does not fit; problems of the model's own file are added to those
 * that the file throws later.
 */
export function withDeclaredBatching(
  { name: model, declaredBatching: ofServer }: Declaring,
  file: ModelFile | undefined,
  graphs: Signatures,
): Signatures {
  if (ofServer === undefined || declarationOf(ofServer) === undefined) {
    // `enabled: true` and no more: only an `off` of the file does not hold.
    const isOverridden = ofServer !== undefined && file?.declaration === 'off';
    return file?.declaration === undefined || isOverridden ? graphs : file.declareBatching(graphs);
  }
  const problems: string[] = [];
  const report: ReportBatching = (problem, side, name) =>
    problems.push(`batching${name === undefined ? '' : `.${side}.${name}`}: ${problem}`);
  const signatures = declareBatching(ofServer, graphs, "declared in the server's configuration", report);
  if (problems.length === 0) return signatures;
  throw new ServingError('load_failed', `model "${model}": ${problems.join('; ')}`);
}

/** The declaration of a version's batch axis: from the server's configuration, else from the model's own pillion.yaml. */
import { declarationOf } from '../../config/batch-declaration.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { Signatures } from '../../core/signature.ts';
import { declareBatching, type ReportBatching } from '../model-file/declare-batching.ts';
import { type DeclaredPadding, declarePadding } from '../model-file/declare-padding.ts';
import type { ModelFile } from '../model-file/load-model-file.ts';

type Declaring = Pick<ModelConfig, 'name' | 'declaredBatching' | 'configuredBy'>;

/**
 * The graph's signatures with the declared batch axes; those that nothing is declared for are returned as they are.
 * Throws `load_failed` if the server's declaration does not fit; problems of the model's own file are added to those
 * that the file throws later.
 */
export function withDeclaredBatching(
  { name: model, declaredBatching: ofServer, configuredBy = "the server's configuration" }: Declaring,
  file: ModelFile | undefined,
  graphs: Signatures,
): Signatures {
  if (ofServer === undefined || declarationOf(ofServer) === undefined) {
    // `enabled: true` overrides an `off` of the file, and nothing else.
    const isOverridden = ofServer !== undefined && ofServer !== 'off' && ofServer.enabled === true;
    const isLeft = file?.declaration === undefined || (isOverridden && file.declaration === 'off');
    return file === undefined || isLeft ? graphs : file.declareBatching(graphs);
  }
  const problems: string[] = [];
  const report: ReportBatching = (problem, side, name) =>
    problems.push(`batching${name === undefined ? '' : `.${side}.${name}`}: ${problem}`);
  const signatures = declareBatching(ofServer, graphs, `declared in ${configuredBy}`, report);
  throwIfAny(model, problems);
  return signatures;
}

/**
 * The padding of rows that differ in length, by signature. The server's configuration overrides the model's own file, of
 * values input by input. Throws as `withDeclaredBatching`.
 */
export function declaredPaddings(
  { name: model, declaredBatching: ofServer }: Declaring,
  file: ModelFile | undefined,
  graphs: Signatures,
): ReadonlyMap<string, DeclaredPadding> {
  const problems: string[] = [];
  const ofFile = file?.paddings(graphs);
  const declared = ofServer === undefined || ofServer === 'off' ? {} : ofServer;
  const paddings = declarePadding(declared, graphs, (problem, name) =>
    problems.push(`batching.pad_values.${name}: ${problem}`),
  );
  throwIfAny(model, problems);
  return new Map(
    [...paddings].map(([name, own]) => {
      const file = ofFile?.get(name);
      return [name, { ...file, ...own, values: new Map([...(file?.values ?? []), ...own.values]) }];
    }),
  );
}

function throwIfAny(model: string, problems: readonly string[]): void {
  if (problems.length > 0) throw new ServingError('load_failed', `model "${model}": ${problems.join('; ')}`);
}

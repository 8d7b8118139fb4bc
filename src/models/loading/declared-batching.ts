/** The declaration of a version's batch axis: from the server's configuration, else from the model's own pillion.yaml. */
import type { BatchDeclaration, DeclaredBatching } from '../../config/batch-declaration.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { BatchAxes, Signatures } from '../../core/signature.ts';
import { declareBatching } from '../model-file/declare-batching.ts';
import type { ModelFile } from '../model-file/load-model-file.ts';

/** The declaration that holds for a version: the server's configuration overrides the model's own file. */
export function batchDeclarationOf(
  { batchDeclaration: ofServer }: Pick<ModelConfig, 'batchDeclaration'>,
  file: Pick<ModelFile, 'batching'> | undefined,
): BatchDeclaration | undefined {
  const ofFile = file?.batching;
  if (ofServer === 'on') return ofFile?.kind === 'off' ? undefined : ofFile;
  return ofServer ?? ofFile;
}

/**
 * The graph's signatures with the declared batch axes; those that nothing is declared for are returned as they are.
 * Throws `load_failed` if the server's declaration does not fit; problems of the model's own file are added to those
 * that the file throws later.
 */
export function withDeclaredBatching(
  model: Pick<ModelConfig, 'name' | 'batchDeclaration'>,
  file: ModelFile | undefined,
  graphs: Signatures,
): Signatures {
  const declaration = batchDeclarationOf(model, file);
  if (declaration === undefined) return graphs;
  if (declaration === file?.batching) return file.declareBatching(graphs);
  const problems: string[] = [];
  const declared = declaration.kind === 'off' ? 'off' : sidesOf(declaration.axes, graphs);
  const signatures = declareBatching(
    declared,
    graphs,
    "declared in the server's configuration",
    (problem, side, name) => problems.push(`batching${name === undefined ? '' : `.${side}.${name}`}: ${problem}`),
  );
  if (problems.length === 0) return signatures;
  throw new ServingError('load_failed', `model "${model.name}": ${problems.join('; ')}`);
}

function sidesOf(axes: BatchAxes, graphs: Signatures): DeclaredBatching {
  const inputs = new Map<string, number | 'same'>();
  const outputs = new Map<string, number>();
  const isOutput = (name: string): boolean =>
    [...graphs.values()].some((graph) => graph.outputs.has(name) && !graph.inputs.has(name));
  for (const [name, axis] of axes) {
    if (axis !== 'same' && isOutput(name)) outputs.set(name, axis);
    else inputs.set(name, axis);
  }
  return { inputs, outputs };
}

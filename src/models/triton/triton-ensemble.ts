/** The ensemble of a config.pbtxt (ensemble_scheduling), as the loader of ensembles wants it. */
import { join } from 'node:path';
import type { ModelConfig } from '../../config/model-config.ts';
import type { TritonEnsemble, TritonModel, TritonTensor } from '../../config/triton/config-message.ts';
import { CONFIG_FILE } from '../../config/triton/model-of-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { EnsembleDeclaration, EnsembleSource } from '../loading/declared-ensemble.ts';
import { readTriton, tritonViews } from './served-triton.ts';
import { type ServedTriton, TRITON } from './triton-facts.ts';

/** Our keys of a step → the file's fields. */
const FIELDS: Readonly<Record<string, string>> = {
  model: 'model_name',
  version: 'model_version',
  inputs: 'input_map',
  outputs: 'output_map',
};

/** Undefined if the model is no ensemble. */
export function tritonEnsemble(model: ModelConfig): EnsembleSource | undefined {
  const { triton, name } = model;
  if (triton?.ensemble === undefined) return undefined;
  const path = join(triton.directory, CONFIG_FILE);
  const problems: string[] = [];
  let served: ServedTriton | undefined;
  return {
    declared: declarationOf(triton, triton.ensemble),
    report: (problem, ...keys) => problems.push(`${path}: ${placeOf(keys)}: ${problem}`),
    views: async (signatures) => {
      if (problems.length > 0) throw new ServingError('load_failed', `model "${name}": ${problems.join('; ')}`);
      served = await readTriton(model, signatures);
      return tritonViews(served, signatures) ?? new Map();
    },
    complete: (servable) => {
      if (served !== undefined) servable.facts.set(TRITON, served);
    },
  };
}

/** A tensor that a step gives and nobody takes is dropped, as Triton does. */
function declarationOf({ config }: TritonModel, { steps }: TritonEnsemble): EnsembleDeclaration {
  const namesOf = (tensors: readonly TritonTensor[]): string[] | undefined =>
    tensors.length === 0 ? undefined : tensors.map(({ name }) => name);
  const outputs = namesOf(config.output);
  const taken = new Set([...steps.flatMap(({ inputMap }) => [...inputMap.values()]), ...(outputs ?? [])]);
  const kept = (map: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
    outputs === undefined ? map : new Map([...map].filter(([, ours]) => taken.has(ours)));
  return {
    inputs: namesOf(config.input),
    outputs,
    steps: steps.map(({ model, version, inputMap, outputMap }) => ({
      ...{ model, version, signature: undefined },
      inputs: inputMap,
      outputs: kept(outputMap),
    })),
  };
}

/** ['steps', 1, 'inputs', 'x'] → 'ensemble_scheduling.step[1].input_map "x"'. */
function placeOf([side, index, field, tensor]: readonly (string | number)[]): string {
  if (side !== 'steps') return side === 'inputs' ? 'input' : 'output';
  const step = index === undefined ? '' : `[${index}]`;
  const fields = field === undefined ? '' : `.${FIELDS[field] ?? field}`;
  return `ensemble_scheduling.step${step}${fields}${tensor === undefined ? '' : ` "${tensor}"`}`;
}

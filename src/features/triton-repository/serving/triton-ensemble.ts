/** The ensemble of a config.pbtxt (ensemble_scheduling), as the loader of ensembles wants it. */
import { join } from 'node:path';
import type { ModelConfig } from '../../../config/model-config.ts';
import { ServingError } from '../../../core/errors.ts';
import type { EnsembleDeclaration, EnsembleSource } from '../../../models/loading/declared-ensemble.ts';
import { GIVEN_CONFIG, type GivenConfig, type TritonTensor } from '../../open-inference/exported/model-config.ts';
import { CONFIG_FILE } from '../config/model-of-config.ts';
import { TRITON, type TritonEnsemble, type TritonModel } from '../config/triton-model.ts';
import { configView } from './config-view.ts';
import { readTriton } from './served-triton.ts';

/** Our keys of a step → the file's fields. */
const FIELDS: Readonly<Record<string, string>> = {
  model: 'model_name',
  version: 'model_version',
  inputs: 'input_map',
  outputs: 'output_map',
};

/** Undefined if the model is no ensemble. */
export function tritonEnsemble(model: ModelConfig): EnsembleSource | undefined {
  const triton = TRITON.of(model);
  if (triton?.ensemble === undefined) return undefined;
  const path = join(triton.directory, CONFIG_FILE);
  const problems: string[] = [];
  let given: GivenConfig | undefined;
  return {
    declared: declarationOf(triton, triton.ensemble),
    report: (problem, ...keys) => problems.push(`${path}: ${placeOf(keys)}: ${problem}`),
    views: async (signatures) => {
      if (problems.length > 0) throw new ServingError('load_failed', `model "${model.name}": ${problems.join('; ')}`);
      given = await readTriton(model, signatures);
      const view = given && configView(given.config, signatures);
      return new Map(view && [[view.name, view]]);
    },
    complete: (servable) => {
      if (given !== undefined) servable.facts.set(GIVEN_CONFIG, given);
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

/** The models of the start, of --model_repository. */

import { optionsOf } from '../../config/options/feature-options.ts';
import type { ListModels } from '../../config/options/model-list.ts';
import { ensembleParts } from './config/ensemble-parts.ts';
import { readRepositories } from './config/read-repository.ts';
import { TRITON_OPTIONS } from './options.ts';

/** Mistakes in models' files are theirs alone, and are in their configurations. */
export const listModels: ListModels = ({ modelDefaults, errors, warnings, ...given }) => {
  const options = optionsOf(given, TRITON_OPTIONS);
  const { load_model: named, model_control_mode: mode } = options;
  const content = readRepositories(options.model_repository, modelDefaults);
  errors.push(...content.unreadable);
  const found = new Map(content.models.map(({ model }) => [model.name, model]));
  for (const name of named) {
    if (name === '*' || found.has(name)) continue;
    errors.push(
      `--load_model=${name}: no model repository has it; there are ${[...found.keys()].join(', ') || 'none'}`,
    );
  }
  const wanted = new Set([...named, ...named.flatMap((name) => [...ensembleParts(name, (each) => found.get(each))])]);
  const isLoaded = (name: string): boolean => mode !== 'explicit' || wanted.has('*') || wanted.has(name);
  const loaded = content.models.filter(({ model }) => isLoaded(model.name));
  warnings.push(...content.problems, ...loaded.flatMap((each) => each.warnings));
  return {
    models: loaded.map(({ model }) => model),
    modelsFrom: '--model_repository',
    // Base paths are looked at as the repository is: once, or at its own interval.
    oneByOne: {
      pollMs: mode === 'poll' ? options.repository_poll_secs * 1000 : 0,
      whyOnce: '--model_control_mode is not poll',
      isStrict: options.strict_readiness,
    },
  };
};

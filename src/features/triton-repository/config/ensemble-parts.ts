/** Lists the models that an ensemble needs, and those of ensembles in it. */
import type { ModelConfig } from '../../../config/model-config.ts';
import { TRITON } from './triton-model.ts';

/**
 * The parts in the order in which they are named, each once; `name` itself only if it is a part of itself. `modelOf`:
 * undefined for a model that is not known.
 */
export function ensembleParts(name: string, modelOf: (name: string) => ModelConfig | undefined): ReadonlySet<string> {
  const parts = new Set<string>();
  const collect = (ensemble: string): void => {
    const model = modelOf(ensemble);
    for (const { model: part } of (model && TRITON.of(model)?.ensemble?.steps) ?? []) {
      if (parts.has(part)) continue;
      parts.add(part);
      collect(part);
    }
  };
  collect(name);
  return parts;
}

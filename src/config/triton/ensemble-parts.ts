/** Lists the models that an ensemble needs, and those of ensembles in it. */
import type { TritonModel } from './config-message.ts';

/**
 * The parts in the order in which they are named, each once; `name` itself only if it is a part of itself. `tritonOf`:
 * undefined for a model that is not known.
 */
export function ensembleParts(name: string, tritonOf: (name: string) => TritonModel | undefined): ReadonlySet<string> {
  const parts = new Set<string>();
  const collect = (ensemble: string): void => {
    for (const { model } of tritonOf(ensemble)?.ensemble?.steps ?? []) {
      if (parts.has(model)) continue;
      parts.add(model);
      collect(model);
    }
  };
  collect(name);
  return parts;
}

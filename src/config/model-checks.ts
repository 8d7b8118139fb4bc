/** Checks of models that hold for every source: command line, model_config_file, pillion.yaml, or a reload. */

import type { CheckedModel, ModelKeys } from './model-key.ts';

/** `where` is the place of the name, for people. */
interface NamedModel {
  readonly name: string;
  readonly where: string;
}

/** Names must be unique, and usable in a URL's path. */
export function checkNames(models: Iterable<NamedModel>, errors: string[]): void {
  const seen = new Set<string>();
  for (const { name, where } of models) {
    const prefix = where === '' ? '' : `${where}: `;
    if (seen.has(name)) errors.push(`${prefix}model "${name}" is given twice; names must differ`);
    if (!/^[^/:\s]+$/.test(name)) {
      errors.push(`${prefix}model name "${name}" may not be empty nor hold "/", ":" or white space`);
    }
    seen.add(name);
  }
}

/** Checks that features' keys make, for which they need all models. */
export function checkKeys<T extends CheckedModel>(
  keys: ModelKeys,
  models: readonly T[],
  errors: string[],
  whereOf: (model: T) => string = () => '',
): void {
  for (const { check } of keys) {
    check?.(models, (model, text) => {
      const where = whereOf(model);
      errors.push(`${where === '' ? '' : `${where}: `}model "${model.name}": ${text}`);
    });
  }
}

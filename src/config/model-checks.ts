/** Checks of models that hold for every source: command line, model_config_file, pillion.yaml, or a reload. */
import type { ModelChoice, ModelConfig } from './model-config.ts';

/** `where` is the place of the name, for people. */
interface NamedModel {
  readonly name: string;
  readonly where: string;
}

type WithFallbacks = Pick<ModelConfig, 'name' | 'fallback' | 'degradeTo'>;

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

/** A model named by fallback or degrade_to must be served, and no chain of them may lead back to its start. */
export function checkFallbacks<T extends WithFallbacks>(
  models: readonly T[],
  errors: string[],
  whereOf: (model: T) => string = () => '',
): void {
  const byName = new Map(models.map((model) => [model.name, model]));
  for (const model of models) {
    const where = whereOf(model);
    const prefix = where === '' ? '' : `${where}: `;
    const fail = (text: string): number => errors.push(`${prefix}model "${model.name}": ${text}`);
    for (const [key, choice] of fallbacksOf(model)) {
      const { name, version, label } = choice;
      if (!byName.has(name)) {
        fail(`${key} names "${name}", which is not served; there are ${[...byName.keys()].join(', ')}`);
      } else if (name === model.name && version === undefined && label === undefined) {
        fail(`${key} is the model itself; name another, or one version of it such as ${name}:1`);
      }
    }
    const loop = loopFrom(model, byName);
    if (loop !== undefined) fail(`fallback and degrade_to lead back to it: ${loop.join(' → ')}; take one of them out`);
  }
}

function fallbacksOf({ fallback, degradeTo }: WithFallbacks): readonly (readonly [string, ModelChoice])[] {
  return [
    ...(fallback === undefined ? [] : [['fallback', fallback] as const]),
    ...(degradeTo === undefined ? [] : [['degrade_to', degradeTo] as const]),
  ];
}

/** The names on a chain from the model back to itself. A model's own versions do not count. */
function loopFrom(start: WithFallbacks, byName: ReadonlyMap<string, WithFallbacks>): readonly string[] | undefined {
  const seen = new Set<string>();
  const walk = (model: WithFallbacks, path: readonly string[]): readonly string[] | undefined => {
    for (const [, { name }] of fallbacksOf(model)) {
      if (name === model.name) continue;
      if (name === start.name) return [...path, name];
      const next = byName.get(name);
      if (next === undefined || seen.has(name)) continue;
      seen.add(name);
      const found = walk(next, [...path, name]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return walk(start, [start.name]);
}

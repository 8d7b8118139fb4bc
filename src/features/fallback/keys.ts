/** The keys `fallback` and `degrade_to` of a model: the models that answer in its place. */
import * as v from 'valibot';
import { type ModelChoice, showModelChoice } from '../../config/model-config.ts';
import { type CheckedModel, ModelKey } from '../../config/model-key.ts';
import { text } from '../../config/yaml/kinds.ts';

const SCHEMA = v.pipe(
  text(),
  v.regex(
    /^[^/:@\s]+(:[0-9]{1,19}|@[^/:@\s]+)?$/,
    'a model, such as small, small:3 (a version) or small@stable (a label)',
  ),
  v.transform((said): ModelChoice => {
    const [model, label] = said.split('@');
    const [name, version] = model!.split(':');
    return { name: name!, version: version === undefined ? undefined : BigInt(version), label };
  }),
);

/** The models that answer in place of a model. */
export interface ModelFallbacks {
  readonly fallback?: ModelChoice | undefined;
  readonly degradeTo?: ModelChoice | undefined;
}

export const FALLBACK = new ModelKey({
  name: 'fallback',
  schema: SCHEMA,
  help: 'Answers in its place while it cannot: model, model:version or model@label.',
  flags: { fallback: { help: 'fallback=MODEL' } },
  show: showModelChoice,
  check: checkFallbacks,
  isReadLate: true,
});

export const DEGRADE_TO = new ModelKey({
  name: 'degrade_to',
  schema: SCHEMA,
  help: 'Answers the requests that it is too busy for: model, model:version or model@label.',
  flags: { degrade_to: { help: 'degrade_to=MODEL (model, model:VERSION or model@LABEL)' } },
  show: showModelChoice,
  isReadLate: true,
});

/** Undefined = the model's configuration names none. */
export function fallbacksOf(model: Omit<CheckedModel, 'name'> | undefined): ModelFallbacks | undefined {
  const [fallback, degradeTo] = model === undefined ? [] : [FALLBACK.of(model), DEGRADE_TO.of(model)];
  return fallback === undefined && degradeTo === undefined ? undefined : { fallback, degradeTo };
}

/** A model named by fallback or degrade_to must be served, and no chain of them may lead back to its start. */
function checkFallbacks<T extends CheckedModel>(models: readonly T[], fail: (model: T, problem: string) => void): void {
  const byName = new Map(models.map((model) => [model.name, model]));
  for (const model of models) {
    for (const [key, { name, version, label }] of namedBy(model)) {
      if (!byName.has(name)) {
        fail(model, `${key} names "${name}", which is not served; there are ${[...byName.keys()].join(', ')}`);
      } else if (name === model.name && version === undefined && label === undefined) {
        fail(model, `${key} is the model itself; name another, or one version of it such as ${name}:1`);
      }
    }
    const loop = loopFrom(model, byName);
    if (loop !== undefined)
      fail(model, `fallback and degrade_to lead back to it: ${loop.join(' → ')}; take one of them out`);
  }
}

function namedBy(model: CheckedModel): readonly (readonly [string, ModelChoice])[] {
  return [FALLBACK, DEGRADE_TO].flatMap((key) => {
    const choice = key.of(model);
    return choice === undefined ? [] : [[key.name, choice] as const];
  });
}

/** The names on a chain from the model back to itself. A model's own versions do not count. */
function loopFrom(start: CheckedModel, byName: ReadonlyMap<string, CheckedModel>): readonly string[] | undefined {
  const seen = new Set<string>();
  const walk = (model: CheckedModel, path: readonly string[]): readonly string[] | undefined => {
    for (const [, { name }] of namedBy(model)) {
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

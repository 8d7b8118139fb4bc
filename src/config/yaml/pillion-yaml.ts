/**
 * pillion.yaml: options of `pillion serve` by their names, and the models, in one file.
 *
 *   rest_api_port: 8501
 *   log_level: debug
 *   models:
 *     - name: digits
 *       base_path: /models/digits
 *       labels: {stable: 3}
 *
 * Relative paths start at the working directory, as on the command line. docs/pillion.schema.json describes the file to
 * editors; it is generated from the schema below (npm run gen -- schema).
 */
import type { Buffer } from 'node:buffer';
import * as v from 'valibot';
import { checkKeys, checkNames } from '../model-checks.ts';
import { type ModelConfig, type ModelDefaults, type ModelEntry, modelOf, modelSchema } from '../model-config.ts';
import { type ModelKeys, splitKeys } from '../model-key.ts';
import { absentKey, absentOption, type ConfigKeys, type GivenOption, leftOut } from '../read-options.ts';
import { fields, isMap, optional, readAs } from './kinds.ts';
import { byKeys, reportIssues, type Wording } from './problems.ts';
import { YamlDocument } from './yaml-document.ts';

/** Options that are not allowed in the file: its own path, and those that `models` replaces. */
const NOT_IN_FILE: readonly string[] = ['config', 'model', 'model_name', 'model_base_path'];

const NAMES = {
  models: () => 'a model',
  versions: () => 'a version',
  allowed_batch_sizes: () => 'a batch size',
  labels: (name: string) => `label "${name}"`,
  inputs: (name: string) => `input "${name}"`,
  outputs: (name: string) => `output "${name}"`,
};

type Issue = v.BaseIssue<unknown>;

interface PillionYaml {
  readonly options: ReadonlyMap<string, GivenOption>;
  /** The place of `models`; undefined if the file has no such key. */
  readonly modelsAt: string | undefined;
  /** Called later, because defaults may come from options. Adds to the errors of the file. */
  models(defaults: ModelDefaults): readonly ModelConfig[];
}

/** The content of the file that --config names. */
export interface YamlFile {
  readonly path: string;
  readonly bytes: Buffer;
  readonly yaml: PillionYaml;
}

/** The texts of a scalar or a list, as a command line would give them. */
const OPTION = v.pipe(
  v.custom<unknown>((value) => [value].flat().every(isScalar), 'a value'),
  v.transform((value) => [value].flat().map(String)),
);

/** The schema of the whole file. Options are read as text, and checked together with those of the command line. */
export function pillionSchema({ options, modelKeys }: ConfigKeys) {
  const inFile = Object.entries(options).filter(([name]) => !NOT_IN_FILE.includes(name));
  return fields({
    models: optional(v.array(modelSchema(modelKeys), 'a list'), 'The models to serve.'),
    ...Object.fromEntries(
      inFile.map(([name, option]) => {
        return [name, optional(readAs(option.schema, OPTION), option.help, { default: option.default })];
      }),
    ),
  });
}

export function parsePillionYaml(path: string, bytes: Uint8Array, keys: ConfigKeys, errors: string[]): PillionYaml {
  const document = new YamlDocument(path, bytes);
  const { output, issues = [] } = v.safeParse(pillionSchema(keys), document.data ?? {});
  const wording = wordingOf(path, keys);
  const isOfModels = ({ path, input }: Issue): boolean =>
    path?.[0].key === 'models' && (path.length > 1 || input !== null);
  const ofModels = issues.filter(isOfModels);
  const others = issues.filter((issue) => !isOfModels(issue));
  reportIssues(document, others, wording);
  errors.push(...document.problems);
  const { models, ...given } = (isMap(output) ? output : {}) as Record<string, unknown>;
  const options = new Map<string, GivenOption>();
  for (const [name, texts] of Object.entries(given)) {
    if (others.some((issue) => issue.path?.[0].key === name)) continue;
    // A list of sizes is one text on the command line.
    const all = keys.options[name]!.isRepeatable ? (texts as string[]) : [(texts as string[]).join(',')];
    options.set(name, { texts: all, origin: { kind: 'file', place: document.placeOf([name]) } });
  }
  return {
    options,
    modelsAt: isMap(document.data) && 'models' in document.data ? document.placeOf(['models']) : undefined,
    models(defaults) {
      const before = document.problems.length;
      reportIssues(document, ofModels, wording);
      errors.push(...document.problems.slice(before));
      const entries: ModelEntry[] = Array.isArray(models) ? models : [];
      checkModels(keys.modelKeys, entries, ofModels, (i) => document.placeOf(['models', i]), errors);
      return ofModels.length === 0 ? entries.map((entry) => modelOf(entry, defaults)) : [];
    },
  };
}

/** A key of a feature that is left out is no slip of the pen. */
function wordingOf(path: string, keys: ConfigKeys): Wording {
  const wording = byKeys(path, NAMES);
  return {
    ...wording,
    unknownKey(owner, key, known) {
      const feature = owner.length === 0 ? absentOption(keys, key) : absentKey(keys, key);
      const isModel = owner.length === 2 && owner[0] === 'models';
      if (feature === undefined || (owner.length > 0 && !isModel)) return wording.unknownKey(owner, key, known);
      return `${key} ${leftOut(feature)}`;
    },
  };
}

/** Checks the models together, as far as their keys are right. */
function checkModels(
  keys: ModelKeys,
  entries: readonly ModelEntry[],
  issues: readonly Issue[],
  placeOf: (index: number) => string,
  errors: string[],
): void {
  const models = entries.flatMap((entry, i) => {
    const wrong = new Set(issues.filter(({ path }) => path?.[1]?.key === i).map(({ path }) => path![2]?.key));
    if (wrong.has('name') || !isMap(entry) || entry.name === undefined) return [];
    const sound = keys.filter(({ name }) => !wrong.has(name));
    const [, featureKeys] = splitKeys(sound, entry);
    return [{ name: entry.name, featureKeys, where: placeOf(i) }];
  });
  checkNames(models, errors);
  checkKeys(keys, models, errors, ({ where }) => where);
}

function isScalar(value: unknown): boolean {
  return value !== null && typeof value !== 'object';
}

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
 * Relative paths count from the working directory, as on the command line. docs/pillion.schema.json describes the file
 * to editors; it is made of the schema below (npm run gen -- schema).
 */
import type { Buffer } from 'node:buffer';
import * as v from 'valibot';
import { checkFallbacks, checkNames } from '../model-checks.ts';
import { MODEL, type ModelConfig, type ModelDefaults, type ModelEntry, modelOf } from '../model-config.ts';
import type { GivenOption, OptionTable } from '../read-options.ts';
import { fields, isMap, optional, readAs } from './kinds.ts';
import { byKeys, reportIssues } from './problems.ts';
import { YamlDocument } from './yaml-document.ts';

/** Options that have no place in the file: itself, and what `models` says better. */
const NOT_IN_FILE: readonly string[] = ['config', 'model', 'model_name', 'model_base_path'];

const NAMES = {
  models: () => 'a model',
  versions: () => 'a version',
  allowed_batch_sizes: () => 'a batch size',
  labels: (name: string) => `label "${name}"`,
};

type Issue = v.BaseIssue<unknown>;

export interface PillionYaml {
  readonly options: ReadonlyMap<string, GivenOption>;
  /** Where `models` stands; undefined if the file lists none. */
  readonly modelsAt: string | undefined;
  /** Read later, as defaults may come from options. Adds to the errors of the file. */
  models(defaults: ModelDefaults): readonly ModelConfig[];
}

/** The file that --config names, once read. */
export interface YamlFile {
  readonly path: string;
  readonly bytes: Buffer;
  readonly yaml: PillionYaml;
}

/** A scalar as it would be written on a command line; a list with its elements so. */
const OPTION = v.pipe(
  v.custom<unknown>((value) => [value].flat().every(isScalar), 'a value'),
  v.transform((value) => [value].flat().map(String)),
);

/** Of the file as a whole. An option is read as text, and checked together with those of the command line. */
export function pillionSchema(table: OptionTable) {
  const options = Object.entries(table).filter(([name]) => !NOT_IN_FILE.includes(name));
  return fields({
    models: optional(v.array(MODEL, 'a list'), 'The models to serve.'),
    ...Object.fromEntries(
      options.map(([name, option]) => {
        return [name, optional(readAs(option.schema, OPTION), option.help, { default: option.default })];
      }),
    ),
  });
}

export function parsePillionYaml(path: string, bytes: Uint8Array, table: OptionTable, errors: string[]): PillionYaml {
  const document = new YamlDocument(path, bytes);
  const { output, issues = [] } = v.safeParse(pillionSchema(table), document.data ?? {});
  const wording = byKeys(path, NAMES);
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
    const all = table[name]!.isRepeatable ? (texts as string[]) : [(texts as string[]).join(',')];
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
      checkModels(entries, ofModels, (i) => document.placeOf(['models', i]), errors);
      return ofModels.length === 0 ? entries.map((entry) => modelOf(entry, defaults)) : [];
    },
  };
}

/** What must hold of models beside one another, of all that is sound in itself. */
function checkModels(
  entries: readonly ModelEntry[],
  issues: readonly Issue[],
  placeOf: (index: number) => string,
  errors: string[],
): void {
  const models = entries.flatMap((entry, i) => {
    const wrong = new Set(issues.filter(({ path }) => path?.[1]?.key === i).map(({ path }) => path![2]?.key));
    const sound = <K extends keyof ModelEntry>(key: K) => (wrong.has(key) || !isMap(entry) ? undefined : entry[key]);
    const name = sound('name');
    const fallbacks = { fallback: sound('fallback'), degradeTo: sound('degrade_to') };
    return name === undefined ? [] : [{ name, ...fallbacks, where: placeOf(i) }];
  });
  checkNames(models, errors);
  checkFallbacks(models, errors, ({ where }) => where);
}

function isScalar(value: unknown): boolean {
  return value !== null && typeof value !== 'object';
}

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
 * to editors.
 */
import type { Buffer } from 'node:buffer';
import type { ModelConfig } from '../model-config.ts';
import type { ModelDefaults } from '../model-server-config.ts';
import type { GivenOption, OptionTable } from '../read-options.ts';
import { readModels } from './yaml-models.ts';
import { YamlReader } from './yaml-reader.ts';

/** Options that have no place in the file: itself, and what `models` says better. */
export const NOT_IN_FILE: readonly string[] = ['config', 'model', 'model_name', 'model_base_path'];

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

export function parsePillionYaml(path: string, bytes: Uint8Array, table: OptionTable, errors: string[]): PillionYaml {
  const reader = new YamlReader(path, bytes, errors);
  const options = new Map<string, GivenOption>();
  const known = [...Object.keys(table).filter((name) => !NOT_IN_FILE.includes(name)), 'models'];
  const entries = reader.root === undefined ? [] : (reader.entries(reader.root, path, known) ?? []);
  const models = entries.find(({ key }) => key === 'models');
  for (const { key, where, value } of entries) {
    if (value === undefined) reader.fail(where, `${key} has no value`);
    if (key === 'models' || value === undefined) continue;
    const texts = reader.optionTexts(value, key);
    if (texts === undefined) continue;
    // A list of sizes is one text on the command line.
    const isList = table[key]!.isRepeatable;
    options.set(key, { texts: isList ? texts : [texts.join(',')], origin: { kind: 'file', place: where } });
  }
  return {
    options,
    modelsAt: models?.where,
    models: (defaults) => (models?.value === undefined ? [] : readModels(reader, models.value, defaults)),
  };
}

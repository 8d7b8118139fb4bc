/**
 * The file that lists the models: --model_config_file, or pillion.yaml. It is read at the start and after each change.
 */
import type { Buffer } from 'node:buffer';
import { hashOf } from '../files/content-hash.ts';
import { parseTextProtoFile } from './config-file.ts';
import type { ModelDefaults } from './model-config.ts';
import { MODEL_SERVER_CONFIG, type ModelList, modelsOfServerConfig } from './model-server-config.ts';
import type { ConfigKeys, GivenOption } from './read-options.ts';
import { parsePillionYaml } from './yaml/pillion-yaml.ts';

export interface ModelFile {
  readonly path: string;
  /** The hash of the content that the server started with. */
  readonly startHash: string;
  /** A changed file may not change the platform of a served model, as in TensorFlow Serving. */
  readonly keepsPlatforms: boolean;
  /** The models in this content of the file, or its mistakes. Pure. */
  read(bytes: Buffer): ModelList;
}

export function textProtoModelFile(path: string, startBytes: Buffer, defaults: ModelDefaults): ModelFile {
  return {
    path,
    startHash: hashOf([startBytes]),
    keepsPlatforms: true,
    read(bytes) {
      const errors: string[] = [];
      const parsed = parseTextProtoFile(MODEL_SERVER_CONFIG, path, bytes, errors);
      if (parsed === undefined) return { models: [], errors, warnings: [] };
      return modelsOfServerConfig(parsed.message, parsed.where, defaults);
    },
  };
}

/** Models may change while the server runs. A changed option gives a warning: it takes effect at the next start. */
export function yamlModelFile(path: string, startBytes: Buffer, defaults: ModelDefaults, keys: ConfigKeys): ModelFile {
  const started = parsePillionYaml(path, startBytes, keys, []).options;
  return {
    path,
    startHash: hashOf([startBytes]),
    keepsPlatforms: false,
    read(bytes) {
      const errors: string[] = [];
      const yaml = parsePillionYaml(path, bytes, keys, errors);
      const models = yaml.models(defaults);
      if (yaml.modelsAt === undefined && errors.length === 0) {
        errors.push(`${path}: there is no models any more; to serve none write "models: []"`);
      }
      return { models, errors, warnings: changes(path, started, yaml.options) };
    },
  };
}

function changes(
  path: string,
  before: ReadonlyMap<string, GivenOption>,
  after: ReadonlyMap<string, GivenOption>,
): string[] {
  const textOf = (given: GivenOption | undefined): string | undefined => given && JSON.stringify(given.texts);
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => textOf(before.get(name)) !== textOf(after.get(name)))
    .map((name) => `${after.get(name)?.origin.place ?? path}: ${name} has changed; it takes effect at the next start`);
}

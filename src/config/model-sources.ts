/**
 * The models to serve. They must be listed in one place:
 *
 *   --model_base_path and --model │ --model_config_file │ models of pillion.yaml │ MODEL_NAME, MODEL_BASE_PATH │ a feature's list
 *
 * As in TensorFlow Serving, --model_config_file overrides --model_base_path, which its image always passes. Any other
 * two places are an error, because either could be meant. The two variables are those of that image's start script;
 * they count only if no other place names a model.
 */
import { join } from 'node:path';
import { unexpandedProblem, urlProblem, versionDirectoryProblem } from './base-path.ts';
import { readConfigFile } from './config-file.ts';
import { checkKeys, checkNames } from './model-checks.ts';
import { type ModelConfig, type ModelDefaults, modelOf } from './model-config.ts';
import { type ModelFile, textProtoModelFile, yamlModelFile } from './model-file.ts';
import { parseModelFlag } from './model-flag.ts';
import type { FeatureOptions } from './options/feature-options.ts';
import type { ListedModels, OneByOne } from './options/model-list.ts';
import type { ServeOptions } from './options/serve-options.ts';
import type { ConfigKeys, Origin } from './read-options.ts';
import type { YamlFile } from './yaml/pillion-yaml.ts';

interface ModelSources {
  readonly options: ServeOptions;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly modelLists: FeatureOptions['modelLists'];
  /** All that the file may say. */
  readonly keys: ConfigKeys;
  readonly modelDefaults: ModelDefaults;
  readonly yamlFile: YamlFile | undefined;
  readonly errors: string[];
  readonly warnings: string[];
}

interface CollectedModels {
  readonly models: readonly ModelConfig[];
  readonly modelsFrom: string;
  readonly modelFile?: ModelFile | undefined;
  /** Undefined if they are a list. */
  readonly oneByOne?: OneByOne;
}

/** TensorFlow Serving's image uses these defaults. */
const IMAGE_BASE_PATH = '/models';
const IMAGE_MODEL_NAME = 'model';

export function collectModels(sources: ModelSources): CollectedModels {
  for (const each of sources.modelLists) {
    const listed = each.list(sources);
    if (listed !== undefined) return onlyListed(listed, sources);
  }
  const collected = fromSources(sources);
  // A model_config_file has been checked for URLs, with their places.
  const mayHaveUrls = sources.options.model_config_file === '';
  for (const { name, basePath } of collected.models) {
    const problem =
      (mayHaveUrls ? (urlProblem(basePath) ?? unexpandedProblem(basePath)) : undefined) ??
      versionDirectoryProblem(basePath);
    if (problem !== undefined) sources.errors.push(`${collected.modelsFrom}: model "${name}": base path ${problem}`);
  }
  return collected;
}

function onlyListed(listed: ListedModels, { yamlFile, errors }: ModelSources): CollectedModels {
  const at = yamlFile?.yaml.modelsAt;
  if (at !== undefined) {
    errors.push(`${at}: models are listed here and by ${listed.modelsFrom}; list them in one place`);
  }
  return listed;
}

function fromSources(sources: ModelSources): CollectedModels {
  const { options, origins, yamlFile, errors, warnings } = sources;
  const file = options.model_config_file;
  const inYaml = yamlFile?.yaml.modelsAt;
  const flags = [
    ...(options.model_base_path === '' ? [] : ['--model_base_path']),
    ...(options.model.length ? ['--model'] : []),
  ];
  if (inYaml !== undefined && (file !== '' || flags.length > 0)) {
    errors.push(
      `${inYaml}: models are listed here and by ${file === '' ? flags[0] : '--model_config_file'}; list them in one place`,
    );
  }
  const named = origins.get('model_name');
  if (named !== undefined && named.kind !== 'default' && options.model_base_path === '') {
    warnings.push(`${named.place} has no effect: it names the model at --model_base_path, which is not given`);
  }
  if (file !== '') return fromTextProto(file, sources);
  if (inYaml !== undefined) return fromYaml(yamlFile!, sources);
  const models = fromFlags(sources);
  if (models.length > 0 || errors.length > 0) return { models, modelsFrom: flags.join(', '), modelFile: undefined };
  return fromImageVariables(sources);
}

function fromTextProto(
  path: string,
  { options, origins, modelDefaults, errors, warnings }: ModelSources,
): CollectedModels {
  if (options.model.length > 0) errors.push('--model and --model_config_file both list models; list them in one place');
  if (options.model_base_path !== '') {
    warnings.push(`${origins.get('model_base_path')!.place} has no effect: --model_config_file lists the models`);
  }
  const { bytes, error } = readConfigFile(path);
  if (bytes === undefined) {
    errors.push(error);
    return { models: [], modelsFrom: path, modelFile: undefined };
  }
  const modelFile = textProtoModelFile(path, bytes, modelDefaults);
  const list = modelFile.read(bytes);
  errors.push(...list.errors);
  warnings.push(...list.warnings);
  return { models: list.models, modelsFrom: path, modelFile };
}

function fromYaml({ path, bytes, yaml }: YamlFile, { modelDefaults, keys }: ModelSources): CollectedModels {
  return {
    models: yaml.models(modelDefaults),
    modelsFrom: path,
    modelFile: yamlModelFile(path, bytes, modelDefaults, keys),
  };
}

function fromFlags({ options, modelDefaults, errors }: ModelSources): readonly ModelConfig[] {
  const { model_name: name, model_base_path: base_path } = options;
  const models: ModelConfig[] = [];
  if (base_path !== '') models.push(modelOf({ name, base_path }, modelDefaults));
  for (const text of options.model) {
    const parsed = parseModelFlag(text, modelDefaults);
    if ('error' in parsed) errors.push(`--model=${text}: ${parsed.error}`);
    else models.push(parsed.value);
  }
  checkNames(
    models.map(({ name }) => ({ name, where: '' })),
    errors,
  );
  checkKeys(modelDefaults.modelKeys ?? [], models, errors);
  return models;
}

function fromImageVariables({ modelDefaults, environment, modelLists, errors }: ModelSources): CollectedModels {
  const { MODEL_NAME, MODEL_BASE_PATH } = environment;
  const modelsFrom = 'MODEL_NAME, MODEL_BASE_PATH';
  if (!MODEL_NAME && !MODEL_BASE_PATH) {
    const lists = ['--model=NAME=DIR', ...modelLists.map(({ flag }) => flag), '--model_config_file=FILE'].join(', ');
    errors.push(`no model to serve: give --model_base_path=DIR (with --model_name=NAME), ${lists} or --config=FILE`);
    return { models: [], modelsFrom, modelFile: undefined };
  }
  const name = MODEL_NAME || IMAGE_MODEL_NAME;
  checkNames([{ name, where: 'MODEL_NAME' }], errors);
  const base_path = join(MODEL_BASE_PATH || IMAGE_BASE_PATH, name);
  const model = modelOf({ name, base_path }, modelDefaults);
  return { models: [model], modelsFrom, modelFile: undefined };
}

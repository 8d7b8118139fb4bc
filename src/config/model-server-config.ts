/**
 * tensorflow.serving.ModelServerConfig → ModelConfig[]: from --model_config_file or from a HandleReloadConfigRequest.
 *
 * Every mistake is reported, and a field without effect gives a warning. model_platform "tensorflow", or none, means
 * the runtime that knows the files; any other value is a runtime's name ("onnx").
 */
import type { Message } from '@bufbuild/protobuf';
import { unexpandedProblem, urlProblem } from './base-path.ts';
import type { Findings, Where } from './config-file.ts';
import { checkNames } from './model-checks.ts';
import { LATEST_ONE, type ModelConfig, type ModelDefaults, type VersionPolicy } from './model-config.ts';
import type { FieldFindings, ModelKey, ModelKeys } from './model-key.ts';
import { leftOut } from './read-options.ts';

export const MODEL_SERVER_CONFIG = 'tensorflow.serving.ModelServerConfig';

export interface ModelList extends Findings {
  /** Meaningless if there are errors. */
  readonly models: readonly ModelConfig[];
}

/** The messages as @bufbuild/protobuf decodes them. */
interface ServerConfigMessage {
  readonly config:
    | { readonly case: 'modelConfigList'; readonly value: { readonly config: readonly ModelMessage[] } }
    | { readonly case: 'customModelConfig' }
    | { readonly case: undefined };
}

interface ModelMessage {
  readonly name: string;
  readonly basePath: string;
  readonly modelType: number;
  readonly modelPlatform: string;
  readonly modelVersionPolicy?: { readonly policyChoice: PolicyChoice };
  readonly versionLabels: Readonly<Record<string, bigint>>;
}

type PolicyChoice =
  | { readonly case: 'latest'; readonly value: { readonly numVersions: number } }
  | { readonly case: 'all' }
  | { readonly case: 'specific'; readonly value: { readonly versions: readonly bigint[] } }
  | { readonly case: undefined };

const TYPE_TENSORFLOW = 1;

/** `message` is a ModelServerConfig. */
export function modelsOfServerConfig(message: Message, where: Where, defaults: ModelDefaults): ModelList {
  const { config } = message as unknown as ServerConfigMessage;
  const findings: Findings = { errors: [], warnings: [] };
  if (config.case !== 'modelConfigList') {
    findings.errors.push(
      config.case === undefined
        ? `${where('')}: there is no model_config_list; to serve no model write "model_config_list {}"`
        : `${where('custom_model_config')}: custom_model_config is not supported; list the models in model_config_list`,
    );
    return { models: [], ...findings };
  }
  const messages = config.value.config;
  const models = messages.map((model, i) => {
    const inModel: Where = (field) => where(`model_config_list.config[${i}]${field === '' ? '' : `.${field}`}`);
    return new ModelReader(model, inModel, findings).read(defaults);
  });
  checkNames(
    messages.map(({ name }, i) => ({ name, where: where(`model_config_list.config[${i}].name`) })),
    findings.errors,
  );
  return { models, ...findings };
}

class ModelReader implements FieldFindings {
  readonly #model: ModelMessage;
  readonly #where: Where;
  readonly #findings: Findings;

  constructor(model: ModelMessage, where: Where, findings: Findings) {
    this.#model = model;
    this.#where = where;
    this.#findings = findings;
  }

  read({ executionProvider, modelKeys = [], absent = [] }: ModelDefaults): ModelConfig {
    const { name, basePath } = this.#model;
    this.#checkBasePath();
    for (const feature of absent) {
      const key = feature.modelKeys?.find((each) => this.#valueOf(each) !== undefined);
      if (key !== undefined) this.error(key.message!.name, `${key.message!.name} ${leftOut(feature)}`);
    }
    return {
      name,
      basePath,
      versionPolicy: this.#versionPolicy(),
      versionLabels: this.#labels(),
      backend: this.#backend(),
      executionProvider,
      host: undefined,
      ...this.#keys(modelKeys),
    };
  }

  error(field: string, reason: string): void {
    this.#findings.errors.push(`${this.#where(field)}: model "${this.#model.name}": ${reason}`);
  }

  warning(field: string, text: string): void {
    this.#findings.warnings.push(`${this.#where(field)}: ${text}`);
  }

  /** The features' keys that the message has. */
  #keys(keys: ModelKeys): Pick<ModelConfig, 'featureKeys'> {
    const values = keys.map((key) => [key, this.#readKey(key)] as const).filter(([, value]) => value !== undefined);
    return values.length === 0 ? {} : { featureKeys: new Map(values) };
  }

  #readKey(key: ModelKey<unknown>): unknown {
    const value = this.#valueOf(key);
    return value === undefined ? undefined : key.message?.read(value, this);
  }

  /** The value of a key's field; undefined if it is left out, or if there is no such field. */
  #valueOf({ message }: ModelKey<unknown>): unknown {
    const name = message?.name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    return name && (this.#model as unknown as Readonly<Record<string, unknown>>)[name];
  }

  #checkBasePath(): void {
    const { basePath } = this.#model;
    const problem = urlProblem(basePath) ?? unexpandedProblem(basePath);
    if (problem !== undefined) this.error('base_path', `base_path ${problem}`);
    else if (!basePath.startsWith('/')) {
      this.error(
        'base_path',
        `base_path wants an absolute path such as /models/${this.#model.name || 'm'}, not "${basePath}"`,
      );
    }
  }

  /** TensorFlow Serving's only platform means any runtime here. */
  #backend(): string | undefined {
    const { modelType, modelPlatform } = this.#model;
    if (modelType !== 0 && modelPlatform !== '') {
      this.error('model_type', 'model_type (deprecated) and model_platform exclude each other; keep model_platform');
    } else if (modelType !== 0 && modelType !== TYPE_TENSORFLOW) {
      this.error('model_type', 'only the model_type TENSORFLOW is known; leave it out, and the files found decide');
    }
    return modelPlatform === '' || modelPlatform === 'tensorflow' ? undefined : modelPlatform;
  }

  #versionPolicy(): VersionPolicy {
    const choice = this.#model.modelVersionPolicy?.policyChoice;
    switch (choice?.case) {
      case 'latest':
        return { kind: 'latest', count: choice.value.numVersions || 1 };
      case 'all':
        return { kind: 'all' };
      case 'specific': {
        const { versions } = choice.value;
        const field = 'model_version_policy.specific';
        if (versions.length === 0) {
          const text = 'specific names no version, so none is served; add versions: N';
          this.warning(field, `model "${this.#model.name}": ${text}`);
        }
        for (const version of versions) if (version < 0n) this.error(field, `version ${version} is negative`);
        return { kind: 'specific', versions: [...new Set(versions)] };
      }
      default:
        return LATEST_ONE;
    }
  }

  #labels(): ReadonlyMap<string, bigint> {
    const labels = new Map(Object.entries(this.#model.versionLabels));
    for (const [label, version] of labels) {
      if (label === '') this.error('version_labels[0]', 'a version label may not be empty');
      if (version < 0n) this.error('version_labels[0]', `label "${label}" names the negative version ${version}`);
    }
    return labels;
  }
}

/**
 * tensorflow.serving.ModelServerConfig → ModelConfig[]: from --model_config_file or from a HandleReloadConfigRequest.
 *
 * Every mistake is reported, and a field without effect gives a warning. model_platform "tensorflow", or none, means
 * the runtime that knows the files; any other value is a runtime's name ("onnx").
 */
import type { Message } from '@bufbuild/protobuf';
import { urlProblem } from './base-path.ts';
import type { Findings, Where } from './config-file.ts';
import { checkNames } from './model-checks.ts';
import {
  LATEST_ONE,
  type ModelConfig,
  type ModelDefaults,
  type RequestLoggingConfig,
  type VersionPolicy,
} from './model-config.ts';

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
  readonly loggingConfig?: LoggingMessage;
}

type PolicyChoice =
  | { readonly case: 'latest'; readonly value: { readonly numVersions: number } }
  | { readonly case: 'all' }
  | { readonly case: 'specific'; readonly value: { readonly versions: readonly bigint[] } }
  | { readonly case: undefined };

interface LoggingMessage {
  readonly logCollectorConfig?: { readonly type: string; readonly filenamePrefix: string };
  readonly samplingConfig?: {
    readonly samplingRate: number;
    readonly attributes: number;
    readonly perTaskSamplingConfigs: readonly unknown[];
  };
  readonly customLoggingConfig?: unknown;
}

const TYPE_TENSORFLOW = 1;

/** Both names mean the one collector, which writes TFRecord files. */
const COLLECTOR_TYPES: readonly string[] = ['', 'pillion'];

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

class ModelReader {
  readonly #model: ModelMessage;
  readonly #where: Where;
  readonly #findings: Findings;

  constructor(model: ModelMessage, where: Where, findings: Findings) {
    this.#model = model;
    this.#where = where;
    this.#findings = findings;
  }

  read({ executionProvider }: ModelDefaults): ModelConfig {
    const { name, basePath } = this.#model;
    this.#checkBasePath();
    return {
      name,
      basePath,
      versionPolicy: this.#versionPolicy(),
      versionLabels: this.#labels(),
      backend: this.#backend(),
      executionProvider,
      host: undefined,
      logging: this.#logging(),
    };
  }

  #error(field: string, reason: string): void {
    this.#findings.errors.push(`${this.#where(field)}: model "${this.#model.name}": ${reason}`);
  }

  #checkBasePath(): void {
    const { basePath } = this.#model;
    const url = urlProblem(basePath);
    if (url !== undefined) this.#error('base_path', `base_path ${url}`);
    else if (!basePath.startsWith('/')) {
      this.#error(
        'base_path',
        `base_path wants an absolute path such as /models/${this.#model.name || 'm'}, not "${basePath}"`,
      );
    }
  }

  /** TensorFlow Serving's only platform means any runtime here. */
  #backend(): string | undefined {
    const { modelType, modelPlatform } = this.#model;
    if (modelType !== 0 && modelPlatform !== '') {
      this.#error('model_type', 'model_type (deprecated) and model_platform exclude each other; keep model_platform');
    } else if (modelType !== 0 && modelType !== TYPE_TENSORFLOW) {
      this.#error('model_type', 'only the model_type TENSORFLOW is known; leave it out, and the files found decide');
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
          const text = `model "${this.#model.name}": specific names no version, so none is served; add versions: N`;
          this.#findings.warnings.push(`${this.#where(field)}: ${text}`);
        }
        for (const version of versions) if (version < 0n) this.#error(field, `version ${version} is negative`);
        return { kind: 'specific', versions: [...new Set(versions)] };
      }
      default:
        return LATEST_ONE;
    }
  }

  #labels(): ReadonlyMap<string, bigint> {
    const labels = new Map(Object.entries(this.#model.versionLabels));
    for (const [label, version] of labels) {
      if (label === '') this.#error('version_labels[0]', 'a version label may not be empty');
      if (version < 0n) this.#error('version_labels[0]', `label "${label}" names the negative version ${version}`);
    }
    return labels;
  }

  #logging(): RequestLoggingConfig | undefined {
    const logging = this.#model.loggingConfig;
    if (logging === undefined) return undefined;
    const { logCollectorConfig: collector, samplingConfig: sampling } = logging;
    const type = collector?.type ?? '';
    if (!COLLECTOR_TYPES.includes(type)) {
      const at = 'logging_config.log_collector_config.type';
      this.#error(at, `log collector "${type}" is not known; leave type out, or write "pillion", for TFRecord files`);
    }
    if (logging.customLoggingConfig !== undefined) {
      this.#error('logging_config.custom_logging_config', 'custom_logging_config is not supported; leave it out');
    }
    const samplingRate = this.#samplingRate(sampling);
    const filenamePrefix = collector?.filenamePrefix ?? '';
    if (samplingRate > 0 && filenamePrefix === '') {
      this.#error('logging_config', 'log_collector_config.filename_prefix is missing: it says where the files go');
    }
    return samplingRate === 0 ? undefined : { filenamePrefix, samplingRate };
  }

  #samplingRate(sampling: LoggingMessage['samplingConfig']): number {
    const at = 'logging_config.sampling_config';
    const rate = sampling?.samplingRate ?? 0;
    if (!(rate >= 0 && rate <= 1)) this.#error(`${at}.sampling_rate`, `sampling_rate ${rate} is out of range; 0 to 1`);
    if ((sampling?.perTaskSamplingConfigs.length ?? 0) > 0) {
      this.#error(
        `${at}.per_task_sampling_configs[0]`,
        'per_task_sampling_configs are not supported, as a sidecar knows no task number; set sampling_rate alone',
      );
    }
    if ((sampling?.attributes ?? 0) !== 0) {
      const place = this.#where(`${at}.attributes`);
      this.#findings.warnings.push(
        `${place}: attributes has no effect: a request's origin and criticality are not known here`,
      );
    }
    return rate;
  }
}

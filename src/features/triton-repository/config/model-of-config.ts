/**
 * A directory of a Triton model repository → ModelConfig. A mistake in its config.pbtxt refuses this model alone: it is
 * in the list with the reason (ModelConfig.refusal), so that status and the repository's index show it, and fails its
 * load. README.md says what of the file holds.
 */
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { protoMessage } from '../../../codec/protobuf/proto-messages.ts';
import { type FileResult, type Findings, parseTextProtoFile, type Where } from '../../../config/config-file.ts';
import {
  LATEST_ONE,
  type ModelConfig,
  type ModelDefaults,
  modelOf,
  type VersionPolicy,
} from '../../../config/model-config.ts';
import { type ModelKeyValues, readKey } from '../../../config/model-key.ts';
import { TRITON_MODEL_CONFIG, type TritonConfig } from '../../open-inference/exported/model-config.ts';
import { batchingOfTriton } from './dynamic-batching.ts';
import { fieldEffects } from './field-effects.ts';
import { instancesOf } from './instance-groups.ts';
import { checkFileName, runtimeOf } from './runtime.ts';
import { sequenceBoundsOf } from './sequence-batching.ts';
import { checkTensors } from './tensors.ts';
import { TRITON, type TritonEnsemble, type TritonModel } from './triton-model.ts';
import { checkWarmups } from './warmups.ts';

/** response_cache of a model names no bounds. */
const CACHE = { max_mib: 64n };
const NO_KEYS: ModelKeyValues = new Map();

export const CONFIG_FILE = 'config.pbtxt';

/** A model's directory as it was found. */
export interface RepositoryEntry {
  readonly name: string;
  readonly directory: string;
  /** Its config.pbtxt. */
  readonly file: FileResult;
  /** Another repository has a model of this name, at this path. */
  readonly twin?: string | undefined;
}

export interface RepositoryModel {
  readonly model: ModelConfig;
  /** Settings without effect. */
  readonly warnings: readonly string[];
}

export function modelOfEntry(entry: RepositoryEntry, defaults: ModelDefaults): RepositoryModel {
  const { name, directory, file, twin } = entry;
  const findings: Findings = { errors: [], warnings: [] };
  if (twin !== undefined) findings.errors.push(`model "${name}" is in two repositories: ${directory} and ${twin}`);
  const parsed = parse(entry, findings);
  const config = parsed?.config ?? emptyConfig();
  const mapped: Partial<Mapped> =
    parsed === undefined ? {} : mappedOf(name, parsed.config, parsed.where, findings, defaults);
  const refusal = findings.errors.length === 0 ? undefined : findings.errors.join('; ');
  const ensemble = ensembleOf(config);
  const triton: TritonModel = { directory, config, hasConfigFile: file.bytes !== undefined, ensemble };
  const { featureKeys = NO_KEYS, ...rest } = mapped;
  const model: ModelConfig = {
    ...modelOf({ name, base_path: directory }, defaults),
    ...rest,
    featureKeys: new Map([...featureKeys, [TRITON, triton]]),
    ...(refusal !== undefined && { refusal }),
    ...(ensemble !== undefined && { mayBeEmpty: true }),
    configuredBy: CONFIG_FILE,
  };
  return { model, warnings: findings.warnings.map((text) => `model "${name}": ${text}`) };
}

function parse(
  { directory, file }: RepositoryEntry,
  { errors }: Findings,
): { readonly config: TritonConfig; readonly where: Where } | undefined {
  const path = join(directory, CONFIG_FILE);
  // Triton derives a configuration from the model then; so does the server.
  if (file.isMissing === true) return { config: emptyConfig(), where: () => path };
  if (file.bytes === undefined) {
    errors.push(file.error);
    return undefined;
  }
  const parsed = parseTextProtoFile(TRITON_MODEL_CONFIG, path, file.bytes, errors);
  return parsed && { config: parsed.message as TritonConfig, where: parsed.where };
}

function emptyConfig(): TritonConfig {
  return create(protoMessage(TRITON_MODEL_CONFIG)) as TritonConfig;
}

type Mapped = ReturnType<typeof mappedOf>;

function mappedOf(name: string, config: TritonConfig, where: Where, findings: Findings, defaults: ModelDefaults) {
  const { errors, warnings } = findings;
  if (config.name !== '' && config.name !== name) {
    errors.push(`${where('name')}: the name is "${config.name}", but the directory is "${name}"; make them equal`);
  }
  const effects = fieldEffects(config, where);
  errors.push(...effects.refusals);
  warnings.push(...effects.warnings);
  if (config.modelTransactionPolicy?.decoupled === true) {
    errors.push(`${where('model_transaction_policy.decoupled')}: decoupled is not supported: a request has one answer`);
  }
  const runtime = runtimeOf(config, where, errors);
  const ensemble = ensembleOf(config);
  if (ensemble?.steps.length === 0) {
    errors.push(`${where('platform')}: the ensemble has no step; add ensemble_scheduling { step: [ … ] }`);
  }
  if (ensemble !== undefined && runtime !== undefined) {
    errors.push(`${where('ensemble_scheduling')}: ensemble_scheduling needs the platform "ensemble", and no backend`);
  }
  checkFileName(config, where, errors);
  checkTensors(config, where, errors);
  checkWarmups(config, where, errors);
  const { sessions, executionProvider, devices } = instancesOf(config.instanceGroup, where, findings);
  const { batching, declaredBatching, sloMs } = batchingOfTriton(config, where, findings);
  const all = { ...batching, ...(sessions !== undefined && { numBatchThreads: sessions }) };
  return {
    versionPolicy: versionPolicyOf(config, where, errors),
    backend: runtime?.backend,
    ...optionalInputs(config, runtime?.backend),
    executionProvider: executionProvider ?? defaults.executionProvider,
    ...(devices !== undefined && { devices }),
    ...(Object.keys(all).length > 0 && { batching: all }),
    ...(declaredBatching !== undefined && isConfigured(config) && { declaredBatching }),
    ...(sloMs !== undefined && { sloMs }),
    ...keysOf(config, where, findings, defaults),
  };
}

/** The features' keys that the file sets. They are known by name alone. */
function keysOf(
  config: TritonConfig,
  where: Where,
  findings: Findings,
  { modelKeys = [] }: ModelDefaults,
): { featureKeys?: ModelKeyValues } {
  const cache = config.responseCache?.enable === true ? readKey(modelKeys, 'cache', CACHE) : NO_KEYS;
  if (cache === undefined) {
    findings.warnings.push(
      `${where('response_cache')}: response_cache has no effect: this server is without the feature that keeps answers`,
    );
  }
  const bounds = sequenceBoundsOf(config, where, findings);
  const sequences = bounds === undefined ? NO_KEYS : readKey(modelKeys, 'sequences', bounds);
  if (sequences === undefined) {
    findings.errors.push(
      `${where('sequence_batching')}: sequence_batching needs the feature sequences, which this server is without`,
    );
  }
  const featureKeys = new Map([...(cache ?? []), ...(sequences ?? [])]);
  return featureKeys.size === 0 ? {} : { featureKeys };
}

/** Its graph's values for these inputs may be overridden: a parameter of ONNX Runtime's backend. */
function optionalInputs({ input }: TritonConfig, backend: string | undefined): Pick<ModelConfig, 'parameters'> {
  const names = input.filter(({ optional }) => optional).map(({ name }) => name);
  return names.length === 0 || backend !== 'onnx'
    ? {}
    : { parameters: new Map([['optional_inputs', names.join('\n')]]) };
}

/** A file that says nothing of the model's tensors leaves its batches to the server, as Triton completes such a file. */
function isConfigured({ input, output, maxBatchSize }: TritonConfig): boolean {
  return input.length > 0 || output.length > 0 || maxBatchSize > 0;
}

function versionPolicyOf({ versionPolicy }: TritonConfig, where: Where, errors: string[]): VersionPolicy {
  const choice = versionPolicy?.policyChoice;
  switch (choice?.case) {
    case 'latest':
      return { kind: 'latest', count: choice.value.numVersions || 1 };
    case 'all':
      return { kind: 'all' };
    case 'specific': {
      const { versions } = choice.value;
      const at = 'version_policy.specific';
      if (versions.length === 0) errors.push(`${where(at)}: specific names no version; add versions: [ 1 ]`);
      for (const version of versions) {
        if (version < 1n) errors.push(`${where(`${at}.versions[0]`)}: ${version} is no version; they begin with 1`);
      }
      return { kind: 'specific', versions: [...new Set(versions)] };
    }
    default:
      return LATEST_ONE;
  }
}

/** Undefined if the model is no ensemble. */
function ensembleOf({ schedulingChoice, platform }: TritonConfig): TritonEnsemble | undefined {
  if (schedulingChoice.case !== 'ensembleScheduling') return platform === 'ensemble' ? { steps: [] } : undefined;
  const steps = schedulingChoice.value.step.map(({ modelName, modelVersion, inputMap, outputMap }) => ({
    model: modelName,
    // Unset is 0, and Triton wants -1 for the latest; no version is 0.
    version: modelVersion <= 0n ? undefined : modelVersion,
    inputMap: new Map(Object.entries(inputMap)),
    outputMap: new Map(Object.entries(outputMap)),
  }));
  return { steps };
}

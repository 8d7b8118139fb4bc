/**
 * What the protocol tells of the server and its models, for every form: metadata, readiness, configuration.
 *
 * A signature of any rank has no form in the protocol: its shape is told as [-1], and the graph decides about what is
 * sent.
 */
import { DATATYPES } from '../../../codec/open-inference/datatypes.ts';
import type { DType } from '../../../core/dtype.ts';
import { ServingError } from '../../../core/errors.ts';
import { listNames } from '../../../core/list-names.ts';
import type { ModelMetadata } from '../../../core/model-metadata.ts';
import type { Shape } from '../../../core/shape.ts';
import { DEFAULT_SIGNATURE_NAME, ownAxes, type Signature, type TensorSpec } from '../../../core/signature.ts';
import type { ModelInfoHandler } from '../../handlers/model-info.ts';
import type { RequestContext } from '../../request-context.ts';
import { modelSpecOf } from './model-reference.ts';
import { DEFAULT_PRIORITY_LEVEL, PRIORITY_LEVELS } from './request-parameters.ts';

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface TensorMetadata {
  readonly name: string;
  /** 'FP32', …, 'BYTES'. */
  readonly datatype: string;
  /** -1 = any size. */
  readonly shape: Shape;
}

export interface OpenInferenceMetadata {
  readonly name: string;
  /** The available versions, the highest first. */
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** A tensor in Triton's ModelConfig: `dims` are without the batch where `maxBatchSize` is above 0. */
export interface ConfigTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: Shape;
  /** The model has a value for it where a request leaves it out. */
  readonly isOptional: boolean;
}

/** The part of Triton's ModelConfig that has a meaning here. */
export interface OpenInferenceConfig {
  readonly name: string;
  readonly platform: string;
  /** Our runtime's name in the configuration: 'onnx', …. */
  readonly backend: string;
  /** The most rows of one run; larger requests are cut. 0 = its requests have no rows that could share a run. */
  readonly maxBatchSize: number;
  readonly inputs: readonly ConfigTensor[];
  readonly outputs: readonly ConfigTensor[];
  readonly priorityLevels: number;
  readonly defaultPriorityLevel: number;
}

/** What is really there of the protocol's extensions; clients look. REST adds binary_tensor_data. */
const EXTENSIONS: readonly string[] = [
  'binary_tensor_data',
  'classification',
  'logging',
  'model_configuration',
  'model_repository',
  'parameters',
  'schedule_policy',
  'statistics',
  'trace',
];

/** Triton's names, by our runtimes'; others stand for themselves. */
const PLATFORMS: Readonly<Record<string, string>> = {
  onnx: 'onnxruntime_onnx',
  tfjs: 'tensorflow_savedmodel',
};

export class ModelLookups {
  readonly serverMetadata: ServerMetadata;
  readonly #modelInfo: ModelInfoHandler;

  /** `version`: the server's. */
  constructor(modelInfo: ModelInfoHandler, version: string) {
    this.serverMetadata = { name: 'pillion', version, extensions: EXTENSIONS };
    this.#modelInfo = modelInfo;
  }

  /** A request for this model and version would find it. False for a model that is not there, as in Triton. */
  isReady(name: string, version: string, context: RequestContext): boolean {
    try {
      this.#modelInfo.metadata(modelSpecOf(name, version), context);
      return true;
    } catch (error) {
      if (!(error instanceof ServingError) || error.kind === 'invalid_request') throw error;
      return false;
    }
  }

  /** Throws ServingError as a request for the version would. */
  metadata(name: string, version: string, context: RequestContext): OpenInferenceMetadata {
    const found = this.#modelInfo.metadata(modelSpecOf(name, version), context);
    const signature = defaultSignature(found);
    const statuses = this.#modelInfo.status({ name }, context);
    return {
      name: found.name,
      versions: statuses.filter(({ state }) => state === 'AVAILABLE').map((each) => each.version.toString()),
      platform: platformOf(found),
      inputs: tensorsOf(signature.inputs),
      outputs: tensorsOf(signature.outputs),
    };
  }

  /** Throws ServingError as a request for the version would. */
  config(name: string, version: string, context: RequestContext): OpenInferenceConfig {
    const found = this.#modelInfo.metadata(modelSpecOf(name, version), context);
    const signature = defaultSignature(found);
    const maxBatchSize = maxBatchSizeOf(signature, found.maxBatchSize ?? 0);
    return {
      name: found.name,
      platform: platformOf(found),
      backend: found.runtime ?? '',
      maxBatchSize,
      inputs: configTensors(signature.inputs, maxBatchSize, signature.defaults),
      outputs: configTensors(signature.outputs, maxBatchSize),
      priorityLevels: PRIORITY_LEVELS,
      defaultPriorityLevel: DEFAULT_PRIORITY_LEVEL,
    };
  }
}

/** The signature that a request has if it names none: `serving_default`, or the only one. Throws ServingError. */
function defaultSignature({ name, version, signatures }: ModelMetadata): Signature {
  const found = signatures.get(DEFAULT_SIGNATURE_NAME);
  if (found !== undefined) return found;
  const [only] = signatures.values();
  if (only !== undefined && signatures.size === 1) return only;
  throw new ServingError(
    'signature_not_found',
    `model "${name}" version ${version} has the signatures ${listNames(signatures.keys())}, and none is ` +
      `"${DEFAULT_SIGNATURE_NAME}"; name one in each request's parameter signature_name`,
  );
}

function platformOf({ runtime }: ModelMetadata): string {
  return runtime === undefined ? '' : (PLATFORMS[runtime] ?? runtime);
}

function tensorsOf(specs: ReadonlyMap<string, TensorSpec>): readonly TensorMetadata[] {
  return [...specs].map(([name, { dtype, shape = [-1] }]) => ({ name, datatype: DATATYPES[dtype], shape }));
}

/** As Triton has it, rows are at dim 0 of every tensor of a model with a batch size. */
function maxBatchSizeOf(signature: Signature, ofVersion: number): number {
  const { batchAxis, inputs, outputs } = signature;
  const tensors = [...inputs.values(), ...outputs.values()];
  const hasRows = tensors.every(({ shape }) => shape !== undefined && shape.length > 0);
  if (batchAxis.kind === 'none' || ownAxes(signature) !== undefined || !hasRows) return 0;
  return batchAxis.kind === 'fixed' ? batchAxis.size : ofVersion;
}

function configTensors(
  specs: ReadonlyMap<string, TensorSpec>,
  maxBatchSize: number,
  defaults?: ReadonlyMap<string, unknown>,
): readonly ConfigTensor[] {
  return [...specs].map(([name, { dtype, shape = [-1] }]) => ({
    name,
    dtype,
    dims: maxBatchSize > 0 ? shape.slice(1) : shape,
    isOptional: defaults?.has(name) === true,
  }));
}

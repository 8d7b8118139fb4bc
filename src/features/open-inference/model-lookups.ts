/**
 * Looks up the protocol's metadata, readiness and configuration of the server and its models, for every form.
 *
 * A signature of any rank has no form in the protocol: its shape is told as [-1], and the graph decides about what is
 * sent.
 */
import { DATATYPES } from '../../codec/open-inference/datatypes.ts';
import { ServingError } from '../../core/errors.ts';
import { listNames } from '../../core/list-names.ts';
import type { ModelMetadata } from '../../core/model-metadata.ts';
import { DEFAULT_SIGNATURE_NAME, type Signature, type TensorSpec } from '../../core/signature.ts';
import type { ModelInfoHandler } from '../../proxy/handlers/model-info.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { TritonConfig } from './exported/model-config.ts';
import { modelSpecOf } from './exported/model-reference.ts';
import type { OpenInferenceMetadata, ServerMetadata, TensorMetadata } from './report-messages.ts';
import { DEFAULT_PRIORITY_LEVEL, PRIORITY_LEVELS } from './request-parameters.ts';
import { tritonBatchSize, tritonConfigOf, tritonPlatform } from './triton-config.ts';

/** The inputs by which a request that does not say its shape is read. */
export interface OpenInferenceInputs {
  readonly name: string;
  readonly inputs: ReadonlyMap<string, TensorSpec>;
  /** Dim 0 of every input are rows. */
  readonly haveRows: boolean;
}

/** The protocol's extensions that are really there: clients look them up. REST adds binary_tensor_data. */
const EXTENSIONS: readonly string[] = [
  'binary_tensor_data',
  'classification',
  'logging',
  'model_configuration',
  'parameters',
  'schedule_policy',
  'sequence',
  'sequence(string_id)',
  'statistics',
  'trace',
];

/** The batching of a model that has no config.pbtxt: priorities hold, and a request's timeout. */
const BATCHING = {
  priorityLevels: BigInt(PRIORITY_LEVELS),
  defaultPriorityLevel: BigInt(DEFAULT_PRIORITY_LEVEL),
  defaultQueuePolicy: { allowTimeoutOverride: true },
};

export class ModelLookups {
  readonly serverMetadata: ServerMetadata;
  readonly #modelInfo: ModelInfoHandler;

  /** `version` is the server's. `extensions` are those that it has beside the ones that all have. */
  constructor(modelInfo: ModelInfoHandler, version: string, extensions: readonly string[] = []) {
    this.serverMetadata = { name: 'pillion', version, extensions: [...EXTENSIONS, ...extensions].sort() };
    this.#modelInfo = modelInfo;
  }

  /** A request for this model and version would find it. False for a model that is not there, as in Triton. */
  isReady(name: string, version: string, context: RequestContext): boolean {
    try {
      return this.#modelInfo.read(modelSpecOf(name, version), context, () => true);
    } catch (error) {
      if (!(error instanceof ServingError) || error.kind === 'invalid_request') throw error;
      return false;
    }
  }

  /** Throws ServingError as a request for the version would. */
  metadata(name: string, version: string, context: RequestContext): OpenInferenceMetadata {
    return this.#modelInfo.read(modelSpecOf(name, version), context, (servable) => {
      const { inputs, outputs } = defaultSignature(servable);
      const statuses = this.#modelInfo.status({ name }, context);
      return {
        name: servable.name,
        versions: statuses.filter(({ state }) => state === 'AVAILABLE').map((each) => each.version.toString()),
        platform: tritonPlatform(servable),
        inputs: tensorsOf(inputs),
        outputs: tensorsOf(outputs),
      };
    });
  }

  /** Triton's ModelConfig. Throws ServingError as a request for the version would. */
  config(name: string, version: string, context: RequestContext): TritonConfig {
    return this.#modelInfo.read(modelSpecOf(name, version), context, (servable) => {
      defaultSignature(servable);
      return tritonConfigOf(servable, BATCHING);
    });
  }

  /** Throws ServingError as a request for the version would. */
  inputs(name: string, version: string, context: RequestContext): OpenInferenceInputs {
    return this.#modelInfo.read(modelSpecOf(name, version), context, (servable) => {
      const signature = defaultSignature(servable);
      return { name: servable.name, inputs: signature.inputs, haveRows: tritonBatchSize(servable, signature) > 0 };
    });
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

function tensorsOf(specs: ReadonlyMap<string, TensorSpec>): readonly TensorMetadata[] {
  return [...specs].map(([name, { dtype, shape = [-1] }]) => ({ name, datatype: DATATYPES[dtype], shape }));
}

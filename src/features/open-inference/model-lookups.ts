/**
 * Looks up the protocol's metadata, readiness and configuration of the server and its models, for every form.
 *
 * A signature of any rank has no form in the protocol: its shape is told as [-1], and the graph decides about what is
 * sent.
 */
import { DATATYPES } from '../../codec/open-inference/datatypes.ts';
import { toldOf } from '../../core/columns/told-columns.ts';
import { ServingError } from '../../core/errors.ts';
import { listNames } from '../../core/list-names.ts';
import type { ModelMetadata } from '../../core/model-metadata.ts';
import { DEFAULT_SIGNATURE_NAME, type Signature, type TensorSpec } from '../../core/signature.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { WHY_NOT_READY } from '../../models/serving/why-not-ready.ts';
import type { ModelInfoHandler } from '../../proxy/handlers/model-info.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { TritonConfig } from './exported/model-config.ts';
import { modelSpecOf } from './exported/model-reference.ts';
import type { OpenInferenceMetadata, ServerMetadata, TensorMetadata } from './report-messages.ts';
import { tritonBatchSize, tritonConfigOf, tritonPlatform } from './triton-config.ts';
import { modelWords } from './triton-words.ts';

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

export class ModelLookups {
  readonly serverMetadata: ServerMetadata;
  readonly #modelInfo: ModelInfoHandler;

  /** `name` and `version` are the server's. `extensions` are those that it has beside the ones that all have. */
  constructor(modelInfo: ModelInfoHandler, { name, version, extensions }: ServerMetadata) {
    this.serverMetadata = { name, version, extensions: [...EXTENSIONS, ...extensions].sort() };
    this.#modelInfo = modelInfo;
  }

  /** A request for this model and version would find it. False for a model that is not there, as in Triton. */
  isReady(name: string, version: string, context: RequestContext): boolean {
    const spec = modelSpecOf(name, version);
    try {
      return this.#modelInfo.read(spec, context, ({ facts }) => facts.get(WHY_NOT_READY)?.() === undefined);
    } catch (error) {
      if (!(error instanceof ServingError)) throw error;
      // A text that is no version can never be ready.
      if (error.kind === 'label_not_found') throw modelWords(error, spec, this.#modelInfo.names, context);
      return false;
    }
  }

  /** Puts Triton's words in front of the refusals of ModelInfoHandler.read. */
  #read<Found>(name: string, version: string, context: RequestContext, read: (servable: Servable) => Found): Found {
    const spec = modelSpecOf(name, version);
    try {
      return this.#modelInfo.read(spec, context, read);
    } catch (thrown) {
      throw modelWords(thrown, spec, this.#modelInfo.names, context);
    }
  }

  /** Lists them from the lowest version. */
  #available(name: string, context: RequestContext): readonly string[] {
    const available = this.#modelInfo.status({ name }, context).filter(({ state }) => state === 'AVAILABLE');
    return available.map((each) => each.version.toString()).reverse();
  }

  /** Throws ServingError as a request for the version would. */
  metadata(name: string, version: string, context: RequestContext): OpenInferenceMetadata {
    return this.#read(name, version, context, (servable) => {
      const { inputs, outputs } = defaultSignature(servable);
      return {
        name: servable.name,
        versions: version === '' ? this.#available(name, context) : [servable.version.toString()],
        platform: tritonPlatform(servable),
        inputs: tensorsOf(inputs),
        outputs: tensorsOf(outputs).map(withRank),
      };
    });
  }

  /** Triton's ModelConfig. Throws ServingError as a request for the version would. */
  config(name: string, version: string, context: RequestContext): TritonConfig {
    return this.#read(name, version, context, (servable) => {
      defaultSignature(servable);
      return tritonConfigOf(servable);
    });
  }

  /** Throws ServingError as a request for the version would. */
  inputs(name: string, version: string, context: RequestContext): OpenInferenceInputs {
    return this.#read(name, version, context, inputsOf);
  }
}

/** Throws ServingError: signature_not_found. */
export function inputsOf(servable: Servable): OpenInferenceInputs {
  const signature = defaultSignature(servable);
  return { name: servable.name, inputs: signature.inputs, haveRows: tritonBatchSize(servable, signature) > 0 };
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
  return [...specs].map(([name, { dtype, shape = [-1], columns }]) => {
    const parameters = columns && { columns: toldOf(columns) };
    return { name, datatype: DATATYPES[dtype], shape, ...(parameters && { parameters }) };
  });
}

/** Triton has no outputs without dims: a scalar is [1]. */
function withRank(output: TensorMetadata): TensorMetadata {
  return output.shape.length > 0 ? output : { ...output, shape: [1] };
}

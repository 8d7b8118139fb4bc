/** Chooses the method of the REST surface that answers a request, by its route and its headers. */
import { Buffer } from 'node:buffer';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import { ALL_MODELS } from '../../core/access-method.ts';
import { lookupCall } from '../call.ts';
import type { Method } from '../exchange.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { ModelResolver } from '../handlers/model-resolver.ts';
import { ProtobufCodec } from '../protocols/tensorflow-serving/protobuf-codec.ts';
import { lookupMethods, refusal } from '../protocols/tensorflow-serving/rest/rest-lookups.ts';
import { RestPredict } from '../protocols/tensorflow-serving/rest/rest-predict.ts';
import { RestProtobufPredict } from '../protocols/tensorflow-serving/rest/rest-protobuf.ts';
import {
  type ChosenMethod,
  inJson,
  inProtobuf,
  type MethodFields,
  type RestMethod,
  type RestRoute,
} from './rest-part.ts';

export interface RestMethodParts {
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  /** Limit of a body in bytes, and of the tensors of a request together. */
  readonly maxBodyBytes: number;
  /** Protobuf answers carry tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** Names in columnar `inputs` that a signature does not have are ignored. Default: they are an error. */
  readonly ignoresUnknownInputs?: boolean | undefined;
  /** Default: large bodies are read and written on the event loop. */
  readonly thread?: CodecThread | undefined;
}

const NO_BODY = Buffer.alloc(0);

/** The method of a caller who may not see the metrics: it never comes to its answer. */
const REFUSED_METRICS: Method<Buffer> = {
  name: 'Metrics',
  access: 'metrics',
  hasNoBody: true,
  decode: () => lookupCall(ALL_MODELS, () => NO_BODY),
  encode: () => NO_BODY,
};

export class RestMethods {
  /** JSON methods by the kind of their route. */
  readonly #json: ReadonlyMap<string, ChosenMethod>;
  readonly #protobufPredict: RestProtobufPredict;

  constructor(parts: RestMethodParts) {
    const { resolver, modelInfo, maxBodyBytes, thread, serializationAsTensorContent, ignoresUnknownInputs } = parts;
    const json: readonly (readonly [string, RestMethod])[] = [
      ['predict', new RestPredict(resolver, thread, ignoresUnknownInputs)],
      ...lookupMethods(modelInfo),
      ['metrics', REFUSED_METRICS],
    ];
    this.#json = new Map(json.map(([kind, method]) => [kind, inJson(method)]));
    const codec = new ProtobufCodec({ serializationAsTensorContent, maxTensorBytes: maxBodyBytes, thread, room: 0 });
    this.#protobufPredict = new RestProtobufPredict(resolver, codec);
  }

  of(route: RestRoute, fields: MethodFields): ChosenMethod {
    const { kind, part, error } = route;
    // A part chooses among its own kinds: it is not asked for what nothing runs.
    if (error !== undefined) return inJson(refusal(route));
    if (part !== undefined) return part.methodOf(route, fields) ?? inJson(refusal(route));
    const { protobufType } = fields;
    if (protobufType !== undefined && kind === 'predict') {
      return inProtobuf(this.#protobufPredict, protobufType);
    }
    return this.#json.get(kind) ?? inJson(refusal(route));
  }
}

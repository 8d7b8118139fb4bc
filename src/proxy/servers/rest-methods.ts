/** Chooses the method of the REST surface that answers a request, by its route and its headers. */
import { Buffer } from 'node:buffer';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import { ALL_MODELS } from '../../core/access-method.ts';
import type { AnswerForm } from '../answer-form.ts';
import { lookupCall } from '../call.ts';
import type { Method } from '../exchange.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { ModelResolver } from '../handlers/model-resolver.ts';
import { JSON_TYPE } from '../http1/answer-head.ts';
import type { RequestFields } from '../http1/request-fields.ts';
import { RestClassify, RestRegress } from '../protocols/tensorflow-serving/rest/rest-inference.ts';
import { lookupMethods, refusal } from '../protocols/tensorflow-serving/rest/rest-lookups.ts';
import { RestPredict } from '../protocols/tensorflow-serving/rest/rest-predict.ts';
import { protobufMethods } from '../protocols/tensorflow-serving/rest/rest-protobuf.ts';
import type { ChosenMethod, RestMethod, RestRoute } from './rest-part.ts';

export interface RestMethodParts {
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  /** Limit of a body in bytes, and of the tensors of a request together. */
  readonly maxBodyBytes: number;
  /** Protobuf answers carry tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** Default: large bodies are read and written on the event loop. */
  readonly thread?: CodecThread | undefined;
}

const NO_BODY = Buffer.alloc(0);
const JSON_FORM: AnswerForm = { contentType: JSON_TYPE, headers: [] };

/** The method of a caller who may not see the metrics: it never comes to its answer. */
const REFUSED_METRICS: Method<Buffer> = {
  name: 'Metrics',
  access: 'metrics',
  hasNoBody: true,
  decode: () => lookupCall(ALL_MODELS, () => NO_BODY),
  encode: () => NO_BODY,
};

export class RestMethods {
  /** JSON methods, and methods for protobuf bodies, by the kind of their route. */
  readonly #json: ReadonlyMap<string, ChosenMethod>;
  readonly #protobuf: ReadonlyMap<string, Method<Buffer>>;

  constructor({ resolver, modelInfo, maxBodyBytes, thread, ...options }: RestMethodParts) {
    const { serializationAsTensorContent } = options;
    const json: readonly (readonly [string, RestMethod])[] = [
      ['predict', new RestPredict(resolver, thread)],
      ['classify', new RestClassify(resolver, maxBodyBytes, thread)],
      ['regress', new RestRegress(resolver, maxBodyBytes, thread)],
      ...lookupMethods(modelInfo),
      ['metrics', REFUSED_METRICS],
    ];
    this.#json = new Map(json.map(([kind, method]) => [kind, { method, form: JSON_FORM, keepsBody: false }]));
    this.#protobuf = protobufMethods(resolver, { serializationAsTensorContent, maxTensorBytes: maxBodyBytes, thread });
  }

  of(route: RestRoute, fields: RequestFields): ChosenMethod {
    const { kind, part } = route;
    if (part !== undefined) return part.methodOf(route, fields) ?? refused(route);
    const { protobufType } = fields;
    const protobuf = protobufType === undefined ? undefined : this.#protobuf.get(kind);
    if (protobuf !== undefined) {
      return { method: protobuf, form: { contentType: protobufType!, headers: [] }, keepsBody: true };
    }
    return this.#json.get(kind) ?? refused(route);
  }
}

function refused(route: RestRoute): ChosenMethod {
  return { method: refusal(route), form: JSON_FORM, keepsBody: false };
}

/** The methods of the REST surface: which one answers a request, by its route and its headers. */
import { Buffer } from 'node:buffer';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import { ALL_MODELS } from '../../core/access-method.ts';
import type { AnswerForm } from '../answer-form.ts';
import { type Call, lookupCall } from '../call.ts';
import type { Method } from '../exchange.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { ModelResolver } from '../handlers/model-resolver.ts';
import { JSON_TYPE } from '../http1/answer-head.ts';
import type { RequestFields } from '../http1/request-fields.ts';
import type { OpenInference } from '../protocols/open-inference/open-inference.ts';
import { RestInfer } from '../protocols/open-inference/rest/rest-infer.ts';
import { openInferenceLookups } from '../protocols/open-inference/rest/rest-lookups.ts';
import { regionMethod } from '../protocols/open-inference/rest/rest-regions.ts';
import type { SharedMemory } from '../protocols/open-inference/shared-memory.ts';
import { RestClassify, RestRegress } from '../protocols/tensorflow-serving/rest/rest-inference.ts';
import { lookupMethods, refusal } from '../protocols/tensorflow-serving/rest/rest-lookups.ts';
import { RestPredict } from '../protocols/tensorflow-serving/rest/rest-predict.ts';
import { protobufMethods } from '../protocols/tensorflow-serving/rest/rest-protobuf.ts';
import type { HttpBody } from '../sliced-body.ts';
import type { RestRoute } from './rest-routes.ts';

export interface RestMethodParts {
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  readonly openInference: OpenInference;
  /** Limit of a body in bytes, and of the tensors of a request together. */
  readonly maxBodyBytes: number;
  /** Protobuf answers carry tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** Default: large bodies are read and written on the event loop. */
  readonly thread?: CodecThread | undefined;
}

export type RestMethod = Method<Buffer, unknown, Call<unknown>, HttpBody>;

export interface ChosenMethod {
  readonly method: RestMethod;
  /** Of an answer that is no error. */
  readonly form: AnswerForm;
  /** The call keeps views of the body, so a body in lent memory is copied. */
  readonly keepsBody: boolean;
}

const NO_BODY = Buffer.alloc(0);
const JSON_FORM: AnswerForm = { contentType: JSON_TYPE, headers: [] };

/** For whoever may not see the metrics: it never comes to its answer. */
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
  readonly #infer: RestInfer;
  readonly #sharedMemory: SharedMemory;

  constructor({ resolver, modelInfo, openInference, maxBodyBytes, thread, ...options }: RestMethodParts) {
    const { serializationAsTensorContent } = options;
    const json: readonly (readonly [string, RestMethod])[] = [
      ['predict', new RestPredict(resolver, thread)],
      ['classify', new RestClassify(resolver, maxBodyBytes, thread)],
      ['regress', new RestRegress(resolver, maxBodyBytes, thread)],
      ...lookupMethods(modelInfo),
      ...openInferenceLookups(openInference),
      ['metrics', REFUSED_METRICS],
    ];
    this.#json = new Map(json.map(([kind, method]) => [kind, { method, form: JSON_FORM, keepsBody: false }]));
    this.#protobuf = protobufMethods(resolver, { serializationAsTensorContent, maxTensorBytes: maxBodyBytes, thread });
    this.#sharedMemory = openInference.sharedMemory;
    this.#infer = new RestInfer({ openInference, resolver, maxTensorBytes: maxBodyBytes, thread });
  }

  of(route: RestRoute, { protobufType, inferenceHeader }: RequestFields): ChosenMethod {
    if (route.kind === 'v2-infer') {
      const method = this.#infer.methodOf(inferenceHeader);
      return { method, form: method, keepsBody: method.keepsBody };
    }
    const protobuf = protobufType === undefined ? undefined : this.#protobuf.get(route.kind);
    if (protobuf !== undefined) {
      return { method: protobuf, form: { contentType: protobufType!, headers: [] }, keepsBody: true };
    }
    const known = this.#json.get(route.kind);
    if (known !== undefined) return known;
    const method = regionMethod(this.#sharedMemory, route.kind, route.region ?? '') ?? refusal(route);
    return { method, form: JSON_FORM, keepsBody: false };
  }
}

/**
 * Classify and Regress over REST, below TensorFlow Serving's paths: in JSON, or in the protobuf messages of the gRPC
 * methods.
 */
import type { Buffer } from 'node:buffer';
import { bufferOf } from '../../codec-thread/codec-jobs.ts';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Method } from '../../proxy/exchange.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import { list, object, TEXT } from '../../proxy/protocols/rest/json-schema.ts';
import type { Operation } from '../../proxy/protocols/rest/operation.ts';
import { madeOf } from '../../proxy/protocols/tensorflow-serving/protobuf-codec.ts';
import { inferenceOperation } from '../../proxy/protocols/tensorflow-serving/rest/operations.ts';
import { mergedSpec } from '../../proxy/protocols/tensorflow-serving/rest/rest-protobuf.ts';
import { matchVerb, SERVING_ROOT } from '../../proxy/protocols/tensorflow-serving/rest/routes.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import { inJson, inProtobuf, type RestPart } from '../../proxy/servers/rest-part.ts';
import { CLASSIFY } from './classify.ts';
import { ExamplesCall, type ExamplesMethod } from './examples-call.ts';
import type { ExamplesCodec } from './examples-codec.ts';
import type { Classifications, Classified, Regressed, Regressions } from './inference-results.ts';
import { REGRESS } from './regress.ts';
import { writeClassificationResponse, writeRegressionResponse } from './response-writer.ts';
import { RestClassify, RestRegress } from './rest-examples.ts';

export interface ExamplesPartOptions {
  readonly resolver: ModelResolver;
  readonly codec: ExamplesCodec;
  /** Limit of all examples of one request together. */
  readonly maxBytes: number;
  /** Reads large JSON bodies. Undefined: the event loop does. */
  readonly thread: CodecThread | undefined;
}

const METHOD_NAMES: ReadonlyMap<string, string> = new Map([
  ['classify', 'Classify'],
  ['regress', 'Regress'],
]);

const OPERATIONS: readonly Operation[] = [
  inferenceOperation('classify', 'Classify', 'ExamplesRequest', 'ClassifyResponse'),
  inferenceOperation('regress', 'Regress', 'ExamplesRequest', 'RegressResponse'),
];

const SCHEMAS = {
  ExamplesRequest: object({ signature_name: TEXT, context: object({}), examples: list(object({})) }, ['examples']),
  ClassifyResponse: object({ results: list(list(list({ type: ['string', 'number'] }))) }, ['results']),
  RegressResponse: object({ results: list({ type: 'number' }) }, ['results']),
};

export function examplesPart({ resolver, codec, maxBytes, thread }: ExamplesPartOptions): RestPart {
  const classify = new RestClassify(resolver, maxBytes, thread);
  const regress = new RestRegress(resolver, maxBytes, thread);
  const protobuf = protobufMethods(resolver, codec);
  return {
    root: SERVING_ROOT,
    operations: OPERATIONS,
    schemas: SCHEMAS,
    plainKinds: new Set(METHOD_NAMES.keys()),
    match: (method, path) => matchVerb(method, path, METHOD_NAMES),
    methodOf: ({ kind }, { protobufType }) => {
      const isClassify = kind === 'classify';
      if (protobufType === undefined) return inJson(isClassify ? classify : regress);
      return inProtobuf(isClassify ? protobuf.classify : protobuf.regress, protobufType);
    },
  };
}

function protobufMethods(resolver: ModelResolver, codec: ExamplesCodec) {
  const call = <Result extends Classifications | Regressions>(
    method: ExamplesMethod<Result>,
    message: string,
    body: Buffer,
    path: ModelSpec,
    context: RequestContext,
  ) =>
    madeOf(codec.examples(body, message, context, path), (asked) => {
      return new ExamplesCall(method, resolver, { ...asked, modelSpec: mergedSpec(path, asked.modelSpec) }, context);
    });
  const classify: Method<Buffer, Classified> = {
    name: 'Classify',
    access: 'classify',
    decode: (body, path, context) => call(CLASSIFY, 'ClassificationRequest', body, path, context),
    encode: (classified) => bufferOf(writeClassificationResponse(classified)),
  };
  const regress: Method<Buffer, Regressed> = {
    name: 'Regress',
    access: 'regress',
    decode: (body, path, context) => call(REGRESS, 'RegressionRequest', body, path, context),
    encode: (regressed) => bufferOf(writeRegressionResponse(regressed)),
  };
  return { classify, regress };
}

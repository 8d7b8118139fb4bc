/**
 * Protobuf over REST: body and answer are the messages of the gRPC method, on the path of the JSON method. The codecs
 * are those of gRPC, so both surfaces read and write the same bytes.
 *
 *   POST /v1/models/m:predict,  content-type: application/x-protobuf, PredictRequest ──▶ PredictResponse
 *   POST /v1/models/m:classify, …                                     ClassificationRequest ──▶ ClassificationResponse
 *   POST /v1/models/m:regress,  …                                     RegressionRequest ──▶ RegressionResponse
 *
 * The path names the model: model_spec may be left out or add a version, a label or the signature, but must not differ
 * from the path. Errors are JSON, as everywhere on this surface; the answer's Content-Type says so.
 *
 * Tensors are views of the body, which therefore must belong to the request and stay unchanged until the answer.
 */
import type { Buffer } from 'node:buffer';
import {
  writeClassificationResponse,
  writeRegressionResponse,
} from '../../../../codec/tensorflow/inference-response-writer.ts';
import { bufferOf } from '../../../../codec-thread/codec-jobs.ts';
import type { CodecThread } from '../../../../codec-thread/codec-thread.ts';
import { ServingError } from '../../../../core/errors.ts';
import type { Classifications, Classified, Regressed, Regressions } from '../../../../core/inference-results.ts';
import { quoteName } from '../../../../core/list-names.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import type { TensorMap } from '../../../../core/tensor.ts';
import type { Method } from '../../../exchange.ts';
import { CLASSIFY } from '../../../handlers/classify.ts';
import { ExamplesCall, type ExamplesMethod } from '../../../handlers/examples-call.ts';
import type { ModelResolver } from '../../../handlers/model-resolver.ts';
import { PredictCall } from '../../../handlers/predict.ts';
import { REGRESS } from '../../../handlers/regress.ts';
import type { RequestContext } from '../../../request-context.ts';
import { madeOf, ProtobufCodec } from '../protobuf-codec.ts';
import type { RouteKind } from './routes.ts';

export interface RestProtobufOptions {
  /** Answer with tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** Limit of all tensors of one request together, decoded, in bytes. */
  readonly maxTensorBytes: number;
  /** Reads and writes large messages. Default: they are read and written on the event loop. */
  readonly thread?: CodecThread | undefined;
}

/** The methods that take protobuf, by the kind of their route. */
export function protobufMethods(
  resolver: ModelResolver,
  options: RestProtobufOptions,
): ReadonlyMap<RouteKind, Method<Buffer>> {
  const codec = new ProtobufCodec({ ...options, thread: options.thread, room: 0 });
  const predict: Method<Buffer, TensorMap, PredictCall> = {
    name: 'Predict',
    access: 'predict',
    decode: (body, path, context) =>
      madeOf(
        codec.predict(body, context, path),
        (asked) => new PredictCall(resolver, { ...asked, modelSpec: mergedSpec(path, asked.modelSpec) }, context),
      ),
    encode: (outputs, { served, context }) => madeOf(codec.answer(served, outputs, context), bufferOf),
  };
  const classify: Method<Buffer, Classified> = {
    name: 'Classify',
    access: 'classify',
    decode: (body, path, context) => examplesCall(CLASSIFY, 'ClassificationRequest', body, path, context),
    encode: (classified) => bufferOf(writeClassificationResponse(classified)),
  };
  const regress: Method<Buffer, Regressed> = {
    name: 'Regress',
    access: 'regress',
    decode: (body, path, context) => examplesCall(REGRESS, 'RegressionRequest', body, path, context),
    encode: (regressed) => bufferOf(writeRegressionResponse(regressed)),
  };
  const examplesCall = <Result extends Classifications | Regressions>(
    method: ExamplesMethod<Result>,
    message: string,
    body: Buffer,
    path: ModelSpec,
    context: RequestContext,
  ) =>
    madeOf(codec.examples(body, message, context, path), (asked) => {
      return new ExamplesCall(method, resolver, { ...asked, modelSpec: mergedSpec(path, asked.modelSpec) }, context);
    });
  return new Map<RouteKind, Method<Buffer>>([
    ['predict', predict],
    ['classify', classify],
    ['regress', regress],
  ]);
}

/** Merges the specs of the path and the message. Throws `invalid_request` where they differ. */
function mergedSpec(path: ModelSpec, sent: ModelSpec): ModelSpec {
  if (sent === path) return path;
  if (sent.name !== '' && sent.name !== path.name) {
    throw differ(`model_spec.name is ${quoteName(sent.name)}`, `model ${quoteName(path.name)}`);
  }
  const { signatureName } = sent;
  const sentChoice = { version: sent.version, label: sent.label };
  if (path.version === undefined && path.label === undefined) return { name: path.name, ...sentChoice, signatureName };
  const isSilent = sent.version === undefined && sent.label === undefined;
  if (!isSilent && (sent.version !== path.version || sent.label !== path.label)) {
    throw differ(`model_spec names ${choiceText(sent)}`, choiceText(path));
  }
  return { ...path, signatureName };
}

function choiceText({ version, label }: ModelSpec): string {
  return version === undefined ? `label ${quoteName(label ?? '')}` : `version ${version}`;
}

function differ(sent: string, path: string): ServingError {
  return new ServingError('invalid_request', `${sent}, but the path names ${path}; leave it out of one of the two`);
}

/**
 * Predict in protobuf over REST: body and answer are the messages of the gRPC method, on the path of the JSON method. The
 * codecs are those of gRPC, so both surfaces read and write the same bytes.
 *
 *   POST /v1/models/m:predict,  content-type: application/x-protobuf, PredictRequest ──▶ PredictResponse
 *
 * The path names the model: model_spec may be left out or add a version, a label or the signature, but must not differ
 * from the path. Errors are JSON, as everywhere on this surface; the answer's Content-Type says so.
 *
 * Tensors are views of the body, which therefore must belong to the request and stay unchanged until the answer.
 */
import type { Buffer } from 'node:buffer';
import { bufferOf } from '../../../../codec-thread/codec-jobs.ts';
import { invalidRequest, type ServingError } from '../../../../core/errors.ts';
import { quoteName } from '../../../../core/list-names.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import type { TensorMap } from '../../../../core/tensor.ts';
import type { Method } from '../../../exchange.ts';
import type { ModelResolver } from '../../../handlers/model-resolver.ts';
import { PredictCall } from '../../../handlers/predict.ts';
import type { RequestContext } from '../../../request-context.ts';
import { madeOf, type ProtobufCodec } from '../protobuf-codec.ts';

export class RestProtobufPredict implements Method<Buffer, TensorMap, PredictCall> {
  readonly name = 'Predict';
  readonly access = 'predict';
  readonly #resolver: ModelResolver;
  readonly #codec: ProtobufCodec;

  constructor(resolver: ModelResolver, codec: ProtobufCodec) {
    this.#resolver = resolver;
    this.#codec = codec;
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): PredictCall | Promise<PredictCall> {
    return madeOf(this.#codec.predict(body, context, path), (asked) => {
      return new PredictCall(this.#resolver, { ...asked, modelSpec: mergedSpec(path, asked.modelSpec) }, context);
    });
  }

  encode(outputs: TensorMap, { served, context }: PredictCall): Buffer | Promise<Buffer> {
    return madeOf(this.#codec.answer(served, outputs, context), bufferOf);
  }
}

/** Merges the specs of the path and the message. Throws `invalid_request` where they differ. */
export function mergedSpec(path: ModelSpec, sent: ModelSpec): ModelSpec {
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
  return invalidRequest(`${sent}, but the path names ${path}; leave it out of one of the two`);
}

/**
 * Protobuf's requests and answers, for gRPC and REST: on the event loop, or on the codec thread where they are large.
 */

import { decodeCost, EXAMPLES_WALK, PREDICT_WALK } from '../../../codec/tensorflow/decode-cost.ts';
import type { ExamplesRequest, MultiInferenceRequest } from '../../../codec/tensorflow/example-input-reader.ts';
import { readExamplesRequest, readMultiInferenceRequest } from '../../../codec/tensorflow/example-input-reader.ts';
import { PredictLayouts, type PredictRequest, readPredictRequest } from '../../../codec/tensorflow/predict-reader.ts';
import { writePredictResponse } from '../../../codec/tensorflow/predict-writer.ts';
import { copied, receivedExamples, receivedTensors } from '../../../codec-thread/carried-tensors.ts';
import { type CodecThread, LARGE_MESSAGE_BYTES, LARGE_PROTOBUF_OUTPUTS } from '../../../codec-thread/codec-thread.ts';
import { inSlices } from '../../../core/in-slices.ts';
import type { ModelSpec, ResolvedModelSpec } from '../../../core/model-spec.ts';
import { areLargerThan, type TensorMap } from '../../../core/tensor.ts';
import type { RequestContext } from '../../request-context.ts';

export interface ProtobufCodecOptions {
  /** Answer with tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** Limit of all tensors of one request together, decoded, in bytes. */
  readonly maxTensorBytes: number;
  /** Bytes left free in front of an answer. */
  readonly room: number;
  /** The thread that reads and writes large messages. Undefined: the event loop reads and writes everything. */
  readonly thread: CodecThread | undefined;
}

export class ProtobufCodec {
  readonly #options: ProtobufCodecOptions;
  readonly #layouts = new PredictLayouts();

  constructor(options: ProtobufCodecOptions) {
    this.#options = options;
  }

  /** Reads a request as readPredictRequest does; `absent` stands for a model_spec that is not there. */
  predict(message: Uint8Array, context: RequestContext, absent?: ModelSpec): PredictRequest | Promise<PredictRequest> {
    const { maxTensorBytes } = this.#options;
    const thread = this.#threadFor(message, PREDICT_WALK);
    if (thread === undefined) return readPredictRequest(message, maxTensorBytes, this.#layouts, absent);
    return thread.use(context, async (ask) => {
      const request = await ask('readPredict', message, maxTensorBytes, absent);
      return { ...request, inputs: await receivedTensors(request.inputs) };
    });
  }

  /** Reads a request as readExamplesRequest does. */
  examples(
    message: Uint8Array,
    what: string,
    context: RequestContext,
    absent?: ModelSpec,
  ): ExamplesRequest | Promise<ExamplesRequest> {
    const { maxTensorBytes } = this.#options;
    const thread = this.#threadFor(message, EXAMPLES_WALK);
    if (thread === undefined) return readExamplesRequest(message, what, maxTensorBytes, absent);
    return thread.use(context, async (ask) =>
      receivedExamples(await ask('readExamples', message, what, maxTensorBytes, absent)),
    );
  }

  /** Reads a request as readMultiInferenceRequest does. */
  multiInference(message: Uint8Array, context: RequestContext): MultiInferenceRequest | Promise<MultiInferenceRequest> {
    const { maxTensorBytes } = this.#options;
    const thread = this.#threadFor(message, EXAMPLES_WALK);
    if (thread === undefined) return readMultiInferenceRequest(message, maxTensorBytes);
    return thread.use(context, async (ask) =>
      receivedExamples(await ask('readMultiInference', message, maxTensorBytes)),
    );
  }

  /** The PredictResponse. */
  answer(spec: ResolvedModelSpec, outputs: TensorMap, context: RequestContext): Uint8Array | Promise<Uint8Array> {
    const { thread, serializationAsTensorContent: asContent, room } = this.#options;
    if (thread === undefined || !areLargerThan(outputs, LARGE_PROTOBUF_OUTPUTS)) {
      return writePredictResponse(spec, outputs, asContent, room);
    }
    const { name, version, signatureName } = spec;
    return thread.use(context, async (ask) =>
      ask('writePredict', await inSlices(copied(outputs)), { name, version, signatureName }, asContent, room),
    );
  }

  /** The thread, if the message is large even without what is read in place. */
  #threadFor(message: Uint8Array, walk: typeof PREDICT_WALK): CodecThread | undefined {
    if (message.length <= LARGE_MESSAGE_BYTES) return undefined;
    return decodeCost(message, walk, LARGE_MESSAGE_BYTES) < LARGE_MESSAGE_BYTES ? undefined : this.#options.thread;
  }
}

/** Calls `make` with the request, now or when it was read. */
export function madeOf<Request, Call>(
  read: Request | Promise<Request>,
  make: (request: Request) => Call,
): Call | Promise<Call> {
  return read instanceof Promise ? read.then(make) : make(read);
}

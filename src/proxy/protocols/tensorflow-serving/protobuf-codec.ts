/** Predict's protobuf messages, for gRPC and REST: on the event loop, or on the codec thread where they are large. */

import { PREDICT_WALK } from '../../../codec/tensorflow/decode-cost.ts';
import { PredictLayouts, type PredictRequest, readPredictRequest } from '../../../codec/tensorflow/predict-reader.ts';
import { writePredictResponse } from '../../../codec/tensorflow/predict-writer.ts';
import { copied, receivedTensors } from '../../../codec-thread/carried-tensors.ts';
import {
  type CodecThread,
  LARGE_MESSAGE_BYTES,
  LARGE_PROTOBUF_OUTPUTS,
  threadFor,
} from '../../../codec-thread/codec-thread.ts';
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
    const { maxTensorBytes, thread: codecThread } = this.#options;
    const isLarge = message.length > LARGE_MESSAGE_BYTES;
    const thread = isLarge ? threadFor(codecThread, message, PREDICT_WALK) : undefined;
    if (thread === undefined) return readPredictRequest(message, maxTensorBytes, this.#layouts, absent);
    return thread.use(context, async (ask) => {
      const request = await ask('readPredict', message, maxTensorBytes, absent);
      return { ...request, inputs: await receivedTensors(request.inputs) };
    });
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
}

/** Calls `make` with the request, now or when it was read. */
export function madeOf<Request, Call>(
  read: Request | Promise<Request>,
  make: (request: Request) => Call,
): Call | Promise<Call> {
  return read instanceof Promise ? read.then(make) : make(read);
}

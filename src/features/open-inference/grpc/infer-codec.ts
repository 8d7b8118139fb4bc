/** ModelInfer's messages: on the event loop, or on the codec thread where reading them takes long. */
import type { InferRequest } from '../../../codec/open-inference/infer-request.ts';
import { InferLayouts, readInferRequest } from '../../../codec/open-inference/infer-request-reader.ts';
import { inferResponse, type ResponseForm } from '../../../codec/open-inference/infer-response-writer.ts';
import { INFER_WALK } from '../../../codec/tensorflow/decode-cost.ts';
import { receivedTensors } from '../../../codec-thread/carried-tensors.ts';
import {
  type CodecThread,
  LARGE_MESSAGE_BYTES,
  LARGE_PROTOBUF_OUTPUTS,
  threadFor,
} from '../../../codec-thread/codec-thread.ts';
import { atOnce, inSlices } from '../../../core/in-slices.ts';
import { areLargerThan, type TensorMap } from '../../../core/tensor.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import type { InferCall } from '../infer-call.ts';

export interface InferCodecOptions {
  /** Limit of all tensors of one request together, decoded, in bytes. */
  readonly maxTensorBytes: number;
  /** Absent: everything is read on the event loop. */
  readonly thread: CodecThread | undefined;
}

export class InferCodec {
  readonly #options: InferCodecOptions;
  readonly #layouts = new InferLayouts();

  constructor(options: InferCodecOptions) {
    this.#options = options;
  }

  /** Reads as `readInferRequest` does, on the thread if the message is large. */
  read(message: Uint8Array, context: RequestContext): InferRequest | Promise<InferRequest> {
    const { maxTensorBytes, thread: codecThread } = this.#options;
    const isLarge = message.length > LARGE_MESSAGE_BYTES;
    const thread = isLarge ? threadFor(codecThread, message, INFER_WALK) : undefined;
    if (thread === undefined) return readInferRequest(message, maxTensorBytes, this.#layouts);
    return thread.use(context, async (ask) => {
      const request = await ask('readInfer', message, maxTensorBytes);
      return { ...request, inputs: await receivedTensors(request.inputs) };
    });
  }

  /** The answer. Elements are copied as they are, so a large one is copied in slices, with no thread. */
  write(outputs: TensorMap, call: InferCall, form: ResponseForm): Uint8Array | Promise<Uint8Array> {
    const steps = inferResponse(call, outputs, form);
    return areLargerThan(outputs, LARGE_PROTOBUF_OUTPUTS) ? inSlices(steps) : atOnce(steps);
  }
}

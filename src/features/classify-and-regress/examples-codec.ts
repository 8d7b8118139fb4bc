/** Reads protobuf's requests with tf.Examples: on the event loop, or on the codec thread where they are large. */
import { EXAMPLES_WALK } from '../../codec/tensorflow/decode-cost.ts';
import {
  type ExamplesRequest,
  type MultiInferenceRequest,
  readExamplesRequest,
  readMultiInferenceRequest,
} from '../../codec/tensorflow/example-input-reader.ts';
import { receivedExamples } from '../../codec-thread/carried-tensors.ts';
import { type CodecThread, LARGE_MESSAGE_BYTES, threadFor } from '../../codec-thread/codec-thread.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { RequestContext } from '../../proxy/request-context.ts';

export class ExamplesCodec {
  readonly #maxBytes: number;
  readonly #thread: CodecThread | undefined;

  /** `maxBytes`: limit of all examples of one request together. `thread`: undefined = the event loop reads everything. */
  constructor(maxBytes: number, thread: CodecThread | undefined) {
    this.#maxBytes = maxBytes;
    this.#thread = thread;
  }

  /** Reads a request as readExamplesRequest does. */
  examples(
    message: Uint8Array,
    what: string,
    context: RequestContext,
    absent?: ModelSpec,
  ): ExamplesRequest | Promise<ExamplesRequest> {
    const maxBytes = this.#maxBytes;
    const thread = this.#threadFor(message);
    if (thread === undefined) return readExamplesRequest(message, what, maxBytes, absent);
    return thread.use(context, async (ask) =>
      receivedExamples(await ask('readExamples', message, what, maxBytes, absent)),
    );
  }

  /** Reads a request as readMultiInferenceRequest does. */
  multiInference(message: Uint8Array, context: RequestContext): MultiInferenceRequest | Promise<MultiInferenceRequest> {
    const maxBytes = this.#maxBytes;
    const thread = this.#threadFor(message);
    if (thread === undefined) return readMultiInferenceRequest(message, maxBytes);
    return thread.use(context, async (ask) => receivedExamples(await ask('readMultiInference', message, maxBytes)));
  }

  #threadFor(message: Uint8Array): CodecThread | undefined {
    return message.length > LARGE_MESSAGE_BYTES ? threadFor(this.#thread, message, EXAMPLES_WALK) : undefined;
  }
}

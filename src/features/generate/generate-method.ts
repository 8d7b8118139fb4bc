/**
 * ModelInfer by the generate extension. The request goes the way of every other: only its body and its answer look
 * different.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_generate.md
 */
import type { Buffer } from 'node:buffer';
import { InferBodyReader } from '../../codec/open-inference/rest/infer-body-reader.ts';
import { atOnce, inSlices } from '../../core/in-slices.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { areLargerThan, type TensorMap } from '../../core/tensor.ts';
import type { Method } from '../../proxy/exchange.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { Inference, Inferred } from '../open-inference/exported/extension.ts';
import { versionText } from '../open-inference/exported/model-reference.ts';
import { generateAnswer } from './generate-answer.ts';
import { inferBody } from './generate-body.ts';

export interface GenerateOptions {
  /** Limit of all tensors of one request together, in bytes. */
  readonly maxTensorBytes: number;
  /** The answer is an event of a stream. */
  readonly isStreamed: boolean;
}

/** Answers beyond it are written over several turns of the event loop. */
const LARGE_BYTES = 256 * 1024;

export class GenerateMethod implements Method<Buffer, TensorMap, Inferred> {
  readonly name = 'ModelInfer';
  readonly access = 'predict';
  readonly #inference: Inference;
  readonly #options: GenerateOptions;
  readonly #reader = new InferBodyReader();

  constructor(inference: Inference, options: GenerateOptions) {
    this.#inference = inference;
    this.#options = options;
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): Inferred | Promise<Inferred> {
    const version = versionText(path);
    const { inputs } = this.#inference.inputs(path.name, version, context);
    const read = this.#reader.read(inferBody(body, inputs), undefined, this.#options.maxTensorBytes);
    return this.#inference.infer({ ...read, modelName: path.name, modelVersion: version }, context);
  }

  encode(outputs: TensorMap, call: Inferred): Buffer | Promise<Buffer> {
    const steps = generateAnswer(call, call.inOrder(outputs), this.#options.isStreamed);
    return areLargerThan(outputs, LARGE_BYTES) ? inSlices(steps) : atOnce(steps);
  }
}

/**
 * ModelInfer over REST. A request is JSON; JSON with tensors behind it (the header Inference-Header-Content-Length says
 * where they begin); or, where that header is 0, the bytes of the model's only input. Outputs are JSON, or stand behind
 * it where the request asks for that (`binary_data`, `binary_data_output`).
 *
 * A large body is read, and a large answer is written, on the codec thread.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md
 */
import { Buffer } from 'node:buffer';
import type { InferRequest, Parameters } from '../../../codec/open-inference/infer-request.ts';
import { headerLength } from '../../../codec/open-inference/rest/binary-tensors.ts';
import {
  type AnsweredOutput,
  areElsewhere,
  InferPrinter,
  type PrintedAnswer,
  wholeAnswer,
} from '../../../codec/open-inference/rest/infer-answer-writer.ts';
import { type InferBody, InferBodyReader } from '../../../codec/open-inference/rest/infer-body-reader.ts';
import { inferPieces } from '../../../codec/open-inference/rest/infer-slices.ts';
import { copied, receivedTensors } from '../../../codec-thread/carried-tensors.ts';
import { bufferOf } from '../../../codec-thread/codec-jobs.ts';
import {
  type CodecThread,
  HUGE_JSON_OUTPUTS,
  LARGE_JSON_OUTPUTS,
  LARGE_MESSAGE_BYTES,
  LARGE_PROTOBUF_OUTPUTS,
} from '../../../codec-thread/codec-thread.ts';
import { printedSlices } from '../../../codec-thread/printed-slices.ts';
import { invalidRequest, type ServingError } from '../../../core/errors.ts';
import { inSlices, joined } from '../../../core/in-slices.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import { areLargerThan, memoryOf, type TensorMap } from '../../../core/tensor.ts';
import type { AnswerForm } from '../../../proxy/answer-form.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { ModelResolver } from '../../../proxy/handlers/model-resolver.ts';
import { JSON_TYPE } from '../../../proxy/http1/answer-head.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { begunBody, type HttpBody } from '../../../proxy/sliced-body.ts';
import { versionText } from '../exported/model-reference.ts';
import type { InferCall } from '../infer-call.ts';
import type { OpenInference } from '../open-inference.ts';
import { HEADER_LENGTH } from './operations.ts';
import { rawInput } from './raw-request.ts';

export interface RestInferParts {
  readonly openInference: OpenInference;
  readonly resolver: ModelResolver;
  /** Limit of all tensors of one request together, in bytes. */
  readonly maxTensorBytes: number;
  /** Reads and writes large messages. Default: they are read and written on the event loop. */
  readonly thread?: CodecThread | undefined;
}

const BINARY_TYPE = 'application/octet-stream';
const NO_HEADERS: readonly string[] = [];
/** Triton's client reads gzip and deflate alone, though the HTTP library below it accepts more in its name. */
const CODINGS: readonly string[] = ['gzip'];
/** A datatype whose elements are cut one by one, wherever they stand. */
const BYTES = Buffer.from('"BYTES"');

export class RestInfer {
  readonly parts: RestInferParts;
  /** They serve one request after the other. */
  readonly reader = new InferBodyReader();
  readonly printer = new InferPrinter();

  constructor(parts: RestInferParts) {
    this.parts = parts;
  }

  /** The method of one request. `headerText`: its header Inference-Header-Content-Length; undefined if it has none. */
  methodOf(headerText: string | undefined): InferMethod {
    return new InferMethod(this, headerText);
  }
}

/** The method for one request: the form of its answer depends on it. */
export class InferMethod implements Method<Buffer, TensorMap, InferCall, HttpBody>, AnswerForm {
  readonly name = 'ModelInfer';
  readonly access = 'predict';
  contentType = JSON_TYPE;
  headers = NO_HEADERS;
  readonly codings = CODINGS;
  readonly #shared: RestInfer;
  readonly #headerText: string | undefined;
  /** The form of outputs for which the request asks for none. */
  #isBinary = false;

  constructor(shared: RestInfer, headerText: string | undefined) {
    this.#shared = shared;
    this.#headerText = headerText;
  }

  /** Tensors are views of the body, which must belong to the request. */
  get keepsBody(): boolean {
    return this.#headerText !== undefined;
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): InferCall | Promise<InferCall> {
    const text = this.#headerText;
    const jsonBytes = text === undefined ? undefined : headerLength(text, body.length);
    if (jsonBytes === 0) return this.#rawCall(body, path, context);
    const { parts, reader } = this.#shared;
    const { thread, maxTensorBytes } = parts;
    if (thread === undefined || !isSlow(body, jsonBytes)) {
      return this.#callFor(reader.read(body, jsonBytes, maxTensorBytes), path, context);
    }
    return thread.use(context, async (ask) => {
      const { inputs, ...rest } = await ask('readInferBody', body, jsonBytes, maxTensorBytes);
      return this.#callFor({ ...rest, inputs: await receivedTensors(inputs) }, path, context);
    });
  }

  /** A request may name another signature, unless there is only one. */
  refusal(_body: Buffer, path: ModelSpec, context: RequestContext): ServingError | undefined {
    const { resolver } = this.#shared.parts;
    if (!resolver.hasOneSignature(path)) return undefined;
    const signatureName = resolver.soleSignature(path);
    return resolver.refusalOf(signatureName === undefined ? path : { ...path, signatureName }, context);
  }

  encode(given: TensorMap, call: InferCall): HttpBody | Promise<HttpBody> {
    const outputs = call.inOrder(given);
    const { parts, printer } = this.#shared;
    const { id, modelName: model, modelVersion: version } = call;
    const answered = this.#outputsOf(outputs, call);
    const { thread } = parts;
    if (thread === undefined || !areSlow(answered))
      return this.#joined(printer.print({ id, model, version, outputs: answered }));
    if (areLargerThan(outputs, HUGE_JSON_OUTPUTS) && answered.every(isJsonAlone)) {
      const pieces = inferPieces({ id, model, version, outputs: answered });
      return begunBody(printedSlices(pieces, thread, call.context), memoryOf(outputs));
    }
    const isBinary = new Map(answered.map((output) => [output.name, output.isBinary]));
    return thread.use(call.context, async (ask) => {
      const carried = await inSlices(copied(outputs));
      const { bytes, jsonBytes } = await ask('printInferAnswer', { id, model, version }, carried, isBinary);
      return this.#formed(bufferOf(bytes), jsonBytes);
    });
  }

  #callFor(body: InferBody, path: ModelSpec, context: RequestContext): InferCall | Promise<InferCall> {
    const { parameters, outputs } = body;
    this.#isBinary = isBinaryIn(parameters, 'binary_data_output') ?? false;
    for (const output of outputs) isBinaryIn(output.parameters, 'binary_data');
    const request: InferRequest = { ...body, modelName: path.name, modelVersion: versionText(path) };
    return this.#shared.parts.openInference.infer(request, context);
  }

  #rawCall(body: Buffer, path: ModelSpec, context: RequestContext): InferCall | Promise<InferCall> {
    const { openInference } = this.#shared.parts;
    this.#isBinary = true;
    const modelVersion = versionText(path);
    const request = rawInput(openInference.inputs(path.name, modelVersion, context), body);
    return openInference.infer({ ...request, modelName: path.name, modelVersion }, context);
  }

  #outputsOf(outputs: TensorMap, { requestedOutputs }: InferCall): readonly AnsweredOutput[] {
    const asked = new Map(
      requestedOutputs.map(({ name, parameters }) => [name, isBinaryIn(parameters, 'binary_data')]),
    );
    return [...outputs].map(([name, tensor]) => ({ name, tensor, isBinary: asked.get(name) ?? this.#isBinary }));
  }

  /** Numbers behind the JSON are copied as they are: many of them in slices, with no thread. */
  #joined(printed: PrintedAnswer): Buffer | Promise<Buffer> {
    const { json, tail, tailBytes } = printed;
    if (tailBytes === 0) return json;
    if (tailBytes <= LARGE_PROTOBUF_OUTPUTS) return this.#formed(wholeAnswer(printed), json.length);
    return inSlices(joined([json, ...tail])).then((whole) => this.#formed(whole, json.length));
  }

  #formed(answer: Buffer, jsonBytes: number | undefined): Buffer {
    if (jsonBytes !== undefined) {
      this.contentType = BINARY_TYPE;
      this.headers = [HEADER_LENGTH, String(jsonBytes)];
    }
    return answer;
  }
}

/** JSON is read slowly, and strings behind it are cut one by one. Numbers behind it are taken as they are. */
function isSlow(body: Buffer, jsonBytes: number | undefined): boolean {
  if (body.length <= LARGE_MESSAGE_BYTES) return false;
  if (jsonBytes === undefined || jsonBytes > LARGE_MESSAGE_BYTES) return true;
  return body.subarray(0, jsonBytes).includes(BYTES);
}

function isJsonAlone({ tensor, isBinary }: AnsweredOutput): boolean {
  return !isBinary && !areElsewhere(tensor);
}

/** Are there many elements to write as JSON, or strings? */
function areSlow(outputs: readonly AnsweredOutput[]): boolean {
  const slow = outputs.filter(({ tensor, isBinary }) => !isBinary || tensor.dtype === 'string');
  return areLargerThan(new Map(slow.map(({ name, tensor }) => [name, tensor])), LARGE_JSON_OUTPUTS);
}

/** Undefined if the parameter is absent. Throws `invalid_request` if it is no boolean. */
function isBinaryIn(parameters: Parameters, name: string): boolean | undefined {
  const value = parameters.get(name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidRequest(`parameter "${name}" is no boolean; send true for binary data, false for JSON`);
}

/**
 * Classify and Regress over REST, in JSON. As in TensorFlow Serving, the whole body is read before the model is looked
 * up, and the answer's key is `results`:
 *
 *   classify   {"results":[[["label",0.9],["other",0.1]],…]}     a missing label is ""
 *   regress    {"results":[0.5,…]}
 */
import type { Buffer } from 'node:buffer';
import { type ExamplesBody, ExamplesBodyReader } from '../../codec/json/json-examples.ts';
import { JsonWriter } from '../../codec/json/json-writer.ts';
import { receivedExamples } from '../../codec-thread/carried-tensors.ts';
import { type CodecThread, LARGE_MESSAGE_BYTES } from '../../codec-thread/codec-thread.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { elements, type NumericTensor } from '../../core/tensor.ts';
import type { Method } from '../../proxy/exchange.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import { CLASSIFY } from './classify.ts';
import { ExamplesCall, type ExamplesMethod } from './examples-call.ts';
import type { Classifications, Classified, Regressed, Regressions } from './inference-results.ts';
import { REGRESS } from './regress.ts';

const NO_LABEL = new Uint8Array(0);

abstract class RestExamples<Result extends Classifications | Regressions> {
  protected readonly writer = new JsonWriter();
  readonly #method: ExamplesMethod<Result>;
  readonly #resolver: ModelResolver;
  readonly #maxBytes: number;
  readonly #thread: CodecThread | undefined;
  readonly #reader: ExamplesBodyReader;

  /** `maxBytes`: limit of all examples of one request together, in bytes. `thread`: as in RestPredict. */
  constructor(method: ExamplesMethod<Result>, resolver: ModelResolver, maxBytes: number, thread?: CodecThread) {
    this.#method = method;
    this.#resolver = resolver;
    this.#maxBytes = maxBytes;
    this.#thread = thread;
    this.#reader = new ExamplesBodyReader(maxBytes);
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): ExamplesCall<Result> | Promise<ExamplesCall<Result>> {
    const verb = this.#method.type;
    if (body.length <= LARGE_MESSAGE_BYTES || this.#thread === undefined) {
      return this.#callFor(this.#reader.read(body, verb), path, context);
    }
    return this.#thread.use(context, async (ask) =>
      this.#callFor(await receivedExamples(await ask('readExamplesBody', body, verb, this.#maxBytes)), path, context),
    );
  }

  #callFor({ signatureName, ...given }: ExamplesBody, path: ModelSpec, context: RequestContext): ExamplesCall<Result> {
    const modelSpec = signatureName === undefined ? path : { ...path, signatureName };
    return new ExamplesCall(this.#method, this.#resolver, { ...given, modelSpec }, context);
  }
}

export class RestClassify extends RestExamples<Classifications> implements Method<Buffer, Classified> {
  readonly name = 'Classify';
  readonly access = 'classify';

  constructor(resolver: ModelResolver, maxBytes: number, thread?: CodecThread) {
    super(CLASSIFY, resolver, maxBytes, thread);
  }

  encode({ result: { rows, columns, classes, scores } }: Classified): Buffer {
    const { writer } = this;
    const numbers = scores && floatsOf(scores);
    writer.clear();
    writer.ascii('{"results":[');
    for (let row = 0; row < rows; row++) {
      writer.ascii(row === 0 ? '[' : ',[');
      for (let i = row * columns; i < (row + 1) * columns; i++) {
        writer.ascii(i === row * columns ? '[' : ',[');
        writer.string(classes?.data[i] ?? NO_LABEL);
        writer.ascii(',');
        if (numbers === undefined) writer.ascii('0.0');
        else writer.float32s(numbers, i, i + 1);
        writer.ascii(']');
      }
      writer.ascii(']');
    }
    writer.ascii(']}');
    return writer.take();
  }
}

export class RestRegress extends RestExamples<Regressions> implements Method<Buffer, Regressed> {
  readonly name = 'Regress';
  readonly access = 'regress';

  constructor(resolver: ModelResolver, maxBytes: number, thread?: CodecThread) {
    super(REGRESS, resolver, maxBytes, thread);
  }

  encode({ result: { rows, values } }: Regressed): Buffer {
    const { writer } = this;
    writer.clear();
    writer.ascii('{"results":[');
    writer.float32s(floatsOf(values), 0, rows);
    writer.ascii(']}');
    return writer.take();
  }
}

function floatsOf(tensor: NumericTensor): Float32Array {
  return elements(tensor) as Float32Array;
}

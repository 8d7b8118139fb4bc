/**
 * Classify and Regress over REST, in JSON. As in TensorFlow Serving, the whole body is read before the model is looked
 * up, and the answer's key is `results`:
 *
 *   classify   {"results":[[["label",0.9],["other",0.1]],…]}     a missing label is ""
 *   regress    {"results":[0.5,…]}
 */
import type { Buffer } from 'node:buffer';
import { ExamplesBodyReader } from '../../../../codec/json/json-examples.ts';
import { JsonWriter } from '../../../../codec/json/json-writer.ts';
import type { Classified, Regressed } from '../../../../core/inference-results.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import { elements, type NumericTensor } from '../../../../core/tensor.ts';
import type { Method } from '../../../exchange.ts';
import { ClassifyCall } from '../../../handlers/classify.ts';
import type { ExamplesRequest } from '../../../handlers/examples-call.ts';
import type { ModelResolver } from '../../../handlers/model-resolver.ts';
import { RegressCall } from '../../../handlers/regress.ts';
import type { RequestContext } from '../../../request-context.ts';

const NO_LABEL = new Uint8Array(0);

abstract class RestExamples {
  protected readonly resolver: ModelResolver;
  readonly #verb: string;
  readonly #reader: ExamplesBodyReader;

  /** `maxBytes`: limit of all examples of one request together, in bytes. */
  constructor(resolver: ModelResolver, maxBytes: number, verb: string) {
    this.resolver = resolver;
    this.#verb = verb;
    this.#reader = new ExamplesBodyReader(maxBytes);
  }

  protected read(body: Buffer, path: ModelSpec): ExamplesRequest {
    const { signatureName, examples } = this.#reader.read(body, this.#verb);
    return { modelSpec: signatureName === undefined ? path : { ...path, signatureName }, examples };
  }
}

export class RestClassify extends RestExamples implements Method<Buffer, Classified, ClassifyCall> {
  readonly name = 'Classify';
  readonly #writer = new JsonWriter();

  constructor(resolver: ModelResolver, maxBytes: number) {
    super(resolver, maxBytes, 'classify');
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): ClassifyCall {
    return new ClassifyCall(this.resolver, this.read(body, path), context);
  }

  encode({ result: { rows, columns, classes, scores } }: Classified): Buffer {
    const writer = this.#writer;
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

export class RestRegress extends RestExamples implements Method<Buffer, Regressed, RegressCall> {
  readonly name = 'Regress';
  readonly #writer = new JsonWriter();

  constructor(resolver: ModelResolver, maxBytes: number) {
    super(resolver, maxBytes, 'regress');
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): RegressCall {
    return new RegressCall(this.resolver, this.read(body, path), context);
  }

  encode({ result: { rows, values } }: Regressed): Buffer {
    const writer = this.#writer;
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

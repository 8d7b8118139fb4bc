/**
 * Classify and Regress over REST: body bytes → the handler → answer bytes. As TensorFlow Serving, the whole body is read
 * before the model is looked up, and the answer's key is `results`:
 *
 *   classify   {"results":[[["label",0.9],["other",0.1]],…]}     a label that there is none of is ""
 *   regress    {"results":[0.5,…]}
 */
import type { Buffer } from 'node:buffer';
import type { Classifications, Regressions } from '../../core/inference-results.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { elements, type NumericTensor } from '../../core/tensor.ts';
import { STAGE_DECODE, STAGE_ENCODE } from '../../telemetry/stage-clock.ts';
import { classify } from '../handlers/classify.ts';
import type { PredictHandler } from '../handlers/predict.ts';
import { regress } from '../handlers/regress.ts';
import type { RequestContext } from '../request-context.ts';
import { ExamplesBodyReader } from './json-examples.ts';
import { JsonWriter } from './json-writer.ts';

const NO_LABEL = new Uint8Array(0);

export class RestInference {
  readonly #handler: PredictHandler;
  readonly #reader: ExamplesBodyReader;
  readonly #writer = new JsonWriter();

  /** `maxBytes`: what the examples of one request may take together, in bytes. */
  constructor(handler: PredictHandler, maxBytes: number) {
    this.#handler = handler;
    this.#reader = new ExamplesBodyReader(maxBytes);
  }

  /** Rejects with ServingError, or the cancel reason. */
  async classify(body: Buffer, spec: ModelSpec, context: RequestContext): Promise<Buffer> {
    const { named, examples } = this.#decode(body, spec, 'classify', context);
    const { result } = await classify(this.#handler, named, examples, context);
    this.#startEncoding(context);
    return this.#printClasses(result);
  }

  /** Rejects with ServingError, or the cancel reason. */
  async regress(body: Buffer, spec: ModelSpec, context: RequestContext): Promise<Buffer> {
    const { named, examples } = this.#decode(body, spec, 'regress', context);
    const { result } = await regress(this.#handler, named, examples, context);
    this.#startEncoding(context);
    return this.#printValues(result);
  }

  #decode(body: Buffer, spec: ModelSpec, verb: string, context: RequestContext) {
    context.stages.enter(STAGE_DECODE, context.now());
    const { signatureName, examples } = this.#reader.read(body, verb);
    return { named: signatureName === undefined ? spec : { ...spec, signatureName }, examples };
  }

  #startEncoding(context: RequestContext): void {
    // It may have been cancelled in the same turn: nobody is there to read the answer.
    context.cancel.throwIfCancelled();
    context.stages.enter(STAGE_ENCODE, context.now());
    this.#writer.clear();
  }

  #printClasses({ rows, columns, classes, scores }: Classifications): Buffer {
    const writer = this.#writer;
    const numbers = scores && floatsOf(scores);
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

  #printValues({ rows, values }: Regressions): Buffer {
    const writer = this.#writer;
    writer.ascii('{"results":[');
    writer.float32s(floatsOf(values), 0, rows);
    writer.ascii(']}');
    return writer.take();
  }
}

function floatsOf(tensor: NumericTensor): Float32Array {
  return elements(tensor) as Float32Array;
}

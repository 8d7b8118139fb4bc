/**
 * Predict over REST, in JSON. The order of checks is TensorFlow Serving's: JSON syntax, model, signature, then the values,
 * which are read by the dtypes that the signature wants. So the tensors come only when the call has been resolved.
 *
 * All of it happens in one turn of the event loop, so one scanner serves all requests.
 */
import type { Buffer } from 'node:buffer';
import { type PredictBody, PredictBodyScanner } from '../../../../codec/json/json-body.ts';
import { type PredictFormat, predictFormat, readInputs } from '../../../../codec/json/json-inputs.ts';
import { OutputsPrinter } from '../../../../codec/json/json-outputs.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import type { TensorMap } from '../../../../core/tensor.ts';
import type { Method } from '../../../exchange.ts';
import type { PredictHandler } from '../../../handlers/inference-call.ts';
import { PredictCall } from '../../../handlers/predict.ts';
import type { RequestContext } from '../../../request-context.ts';

const NO_TENSORS: TensorMap = new Map();
const ALL_OUTPUTS: readonly string[] = [];

export class RestPredict implements Method<Buffer, TensorMap, JsonPredictCall> {
  readonly name = 'Predict';
  readonly #handler: PredictHandler;
  readonly #scanner = new PredictBodyScanner();
  readonly #printer = new OutputsPrinter();

  constructor(handler: PredictHandler) {
    this.#handler = handler;
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): JsonPredictCall {
    const scanner = this.#scanner;
    try {
      return new JsonPredictCall(this.#handler, path, scanner, scanner.scan(body), context);
    } catch (error) {
      scanner.release();
      throw error;
    }
  }

  encode(outputs: TensorMap, { format, unbatchedRows }: JsonPredictCall): Buffer {
    return this.#printer.print(outputs, format, unbatchedRows);
  }
}

class JsonPredictCall extends PredictCall {
  format: PredictFormat = 'row';
  /** Of a signature without a batch axis in row format: what was sent. Else 0. */
  unbatchedRows = 0;
  readonly #scanner: PredictBodyScanner;
  #scanned: PredictBody | undefined;

  constructor(
    handler: PredictHandler,
    path: ModelSpec,
    scanner: PredictBodyScanner,
    scanned: PredictBody,
    context: RequestContext,
  ) {
    const { signatureName } = scanned;
    // The path's own object where nothing is added: it is remembered with its route.
    const modelSpec = signatureName === undefined ? path : { ...path, signatureName };
    super(handler, { modelSpec, inputs: NO_TENSORS, outputFilter: ALL_OUTPUTS }, context);
    this.#scanner = scanner;
    this.#scanned = scanned;
  }

  override resolve(): void {
    super.resolve();
    const { signature } = this.served;
    const scanned = this.#scanned!;
    this.format = predictFormat(scanned);
    this.sent = readInputs(this.#scanner, scanned, signature);
    this.#letGo();
    // In row format every input has as many rows.
    const isUnbatched = this.format === 'row' && signature.batchAxis.kind === 'none';
    if (isUnbatched) this.unbatchedRows = this.sent.values().next().value?.shape[0] ?? 0;
  }

  override abandon(): void {
    super.abandon();
    this.#letGo();
  }

  /** The body is another's after this turn. */
  #letGo(): void {
    this.#scanned = undefined;
    this.#scanner.release();
  }
}

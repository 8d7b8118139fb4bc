/**
 * Predict over REST, in JSON. The order of checks is TensorFlow Serving's: JSON syntax, model, signature, then the
 * values, which are read by the signature's dtypes. So the tensors are read in the step `resolve`, after the model is
 * known.
 *
 * Decode and resolve run in one turn of the event loop, so one scanner serves all requests.
 */
import type { Buffer } from 'node:buffer';
import {
  type PredictBody,
  PredictBodyScanner,
  type PredictFormat,
  predictFormat,
  readInputs,
} from '../../../../codec/json/json-inputs.ts';
import { OutputsPrinter } from '../../../../codec/json/json-outputs.ts';
import { invalidRequest, type ServingError } from '../../../../core/errors.ts';
import { describeSignature } from '../../../../core/list-names.ts';
import type { ModelSpec, ResolvedModelSpec } from '../../../../core/model-spec.ts';
import { ownAxes } from '../../../../core/signature.ts';
import type { TensorMap } from '../../../../core/tensor.ts';
import type { Method } from '../../../exchange.ts';
import type { ModelResolver } from '../../../handlers/model-resolver.ts';
import { PredictCall } from '../../../handlers/predict.ts';
import type { RequestContext } from '../../../request-context.ts';

const NO_TENSORS: TensorMap = new Map();
const ALL_OUTPUTS: readonly string[] = [];

export class RestPredict implements Method<Buffer, TensorMap, JsonPredictCall> {
  readonly name = 'Predict';
  readonly #resolver: ModelResolver;
  readonly #scanner = new PredictBodyScanner();
  readonly #printer = new OutputsPrinter();

  constructor(resolver: ModelResolver) {
    this.#resolver = resolver;
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): JsonPredictCall {
    const scanner = this.#scanner;
    try {
      return new JsonPredictCall(this.#resolver, path, scanner, scanner.scan(body), context);
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
  /** Rows that were sent in row format to a signature without a batch axis; else 0. */
  unbatchedRows = 0;
  readonly #scanner: PredictBodyScanner;
  #scanned: PredictBody | undefined;

  constructor(
    resolver: ModelResolver,
    path: ModelSpec,
    scanner: PredictBodyScanner,
    scanned: PredictBody,
    context: RequestContext,
  ) {
    const { signatureName } = scanned;
    // The route memo keeps the path's object, so it is passed on unchanged where possible.
    const modelSpec = signatureName === undefined ? path : { ...path, signatureName };
    super(resolver, { modelSpec, inputs: NO_TENSORS, outputFilter: ALL_OUTPUTS }, context);
    this.#scanner = scanner;
    this.#scanned = scanned;
  }

  override resolve(): void {
    super.resolve();
    const { signature } = this.served;
    const scanned = this.#scanned!;
    this.format = predictFormat(scanned);
    const mayBeElsewhere = this.format === 'row' && signature.batchAxes !== undefined;
    if (mayBeElsewhere && ownAxes(signature) !== undefined) throw notByRows(this.served);
    this.sent = readInputs(this.#scanner, scanned, signature);
    this.#releaseBody();
    // In row format all inputs have the same number of rows.
    const isUnbatched = this.format === 'row' && signature.batchAxis.kind === 'none';
    if (isUnbatched) this.unbatchedRows = this.sent.values().next().value?.shape[0] ?? 0;
  }

  override abandon(): void {
    super.abandon();
    this.#releaseBody();
  }

  /** The scanner and the body's memory serve another request after this turn. */
  #releaseBody(): void {
    this.#scanned = undefined;
    this.#scanner.release();
  }
}

/** Instances would be stacked at dim 0, which another dim of the signature may have the size of. */
function notByRows(model: ResolvedModelSpec): ServingError {
  return invalidRequest(
    `"instances" has one row of every input in each element, but in ${describeSignature(model)} rows are not at dim 0 ` +
      'of every input and output; send "inputs" instead, with whole tensors',
  );
}

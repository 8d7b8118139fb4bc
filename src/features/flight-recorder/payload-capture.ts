/**
 * Keeps the payloads of Predict requests for the flight recorder, each as a PredictionLog that `pillion replay` can
 * send. Off unless `--capture_payloads` says otherwise.
 *
 * Payloads are people's data. Inputs that `--capture_inputs` does not name keep only dtype and shape: their numbers are
 * 0 and their strings empty. Answers are kept only if all inputs are.
 *
 * Payloads are kept in memory, `maxBytes` at most: the oldest are dropped first, and one above a quarter is not kept. A
 * copy takes time on the event loop.
 */
import { Buffer } from 'node:buffer';
import { writePredictRequest, writeRecordedResponse } from '../../codec/tensorflow/predict-writer.ts';
import { predictionLogParts } from '../../codec/tensorflow/prediction-log.ts';
import { frameRecord } from '../../codec/tfrecord/tf-record-writer.ts';
import type { Clock } from '../../core/clock.ts';
import {
  byteLengthOfAll,
  elements,
  numericTensor,
  stringTensor,
  type Tensor,
  type TensorMap,
} from '../../core/tensor.ts';
import type { PredictAttempt, PredictCapture, RequestPart } from '../../models/serving/sample-point.ts';

/** Means every input in `--capture_inputs`. */
const EVERY_INPUT = '*';

export interface PayloadCaptureOptions {
  /** `failed`: keep failed requests; `all`: keep answered ones too. */
  readonly mode: 'failed' | 'all';
  /** Names of the inputs whose values are kept. */
  readonly inputs: readonly string[];
  readonly maxBytes: number;
  readonly clock: Clock;
  /** Called when a payload could not be copied; the request goes on. */
  readonly onInternalError: (error: unknown) => void;
}

const NO_BYTES = Buffer.alloc(0);

export class PayloadCapture implements PredictCapture {
  readonly #options: PayloadCaptureOptions;
  /** Records by the request's sequence, oldest first. */
  readonly #records = new Map<number, Buffer>();
  #bytes = 0;

  constructor(options: PayloadCaptureOptions) {
    this.#options = options;
  }

  take(attempt: PredictAttempt): void {
    if (attempt.outputs !== undefined && this.#options.mode !== 'all') return;
    try {
      this.#keep(attempt);
    } catch (error) {
      this.#options.onInternalError(error);
    }
  }

  has(sequence: number): boolean {
    return this.#records.has(sequence);
  }

  /** A TFRecord of a PredictionLog; one for each length where the request's rows differ in length. */
  read(sequence: number): Buffer | undefined {
    return this.#records.get(sequence);
  }

  #keep(attempt: PredictAttempt): void {
    const { maxBytes } = this.#options;
    const parts = [attempt, ...attempt.others];
    const bytes = parts.map(
      ({ inputs, outputs }) =>
        byteLengthOfAll(inputs) + (outputs === undefined || !this.#keepsAll ? 0 : byteLengthOfAll(outputs)),
    );
    if (bytes.reduce((sum, each) => sum + each, 0) > maxBytes / 4) return;
    const records = parts.map((part) => this.#record(attempt, part));
    const record = records.length === 1 ? records[0]! : Buffer.concat(records);
    this.#records.set(attempt.sequence, record);
    this.#bytes += record.byteLength;
    this.#dropOldest(maxBytes);
  }

  #record({ requested, served, outputFilter }: PredictAttempt, { inputs, outputs }: RequestPart): Buffer {
    const answer = this.#keepsAll ? outputs : undefined;
    const { name, version, signatureName } = served;
    const metadata = { name, version, signatureName, samplingRate: 1, wallMs: this.#options.clock.wallMs() };
    const request = writePredictRequest({ ...requested, name, signatureName }, this.#redacted(inputs), outputFilter);
    const response = answer === undefined ? undefined : writeRecordedResponse(served, answer);
    return frameRecord(predictionLogParts(metadata, 'predict', request, response));
  }

  #dropOldest(maxBytes: number): void {
    for (const [sequence, { byteLength }] of this.#records) {
      if (this.#bytes <= maxBytes) return;
      this.#records.delete(sequence);
      this.#bytes -= byteLength;
    }
  }

  get #keepsAll(): boolean {
    return this.#options.inputs.includes(EVERY_INPUT);
  }

  #redacted(inputs: TensorMap): TensorMap {
    if (this.#keepsAll) return inputs;
    const kept = new Map<string, Tensor>();
    for (const [name, tensor] of inputs) kept.set(name, this.#options.inputs.includes(name) ? tensor : blank(tensor));
    return kept;
  }
}

/** A tensor of the same dtype and shape with zeros or empty strings. */
function blank(tensor: Tensor): Tensor {
  if (tensor.dtype === 'string') return stringTensor(tensor.shape, new Array(tensor.data.length).fill(NO_BYTES));
  const zeros = elements(tensor)
    .slice()
    .fill(0 as never);
  return numericTensor(tensor.dtype, tensor.shape, zeros);
}

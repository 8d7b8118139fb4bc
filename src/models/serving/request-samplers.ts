/**
 * Copies a sample of a model's requests to its consumers: request logs and recordings.
 *
 *   a request ─▶ SamplePoint.sampler? ──undefined──▶ goes on                  (the model has no consumer)
 *                     │ ModelSampler.sample(): drawn for each consumer
 *                     ▼
 *                answered ─▶ does a chosen consumer have room? ─▶ encoded once ─▶ framed for each ─▶ consumer.take
 *
 * A sampled request is encoded on the event loop: its tensors are copied and a checksum is made. Consumers must not
 * wait: each has a bounded queue and drops records beyond it.
 */
import type { Buffer } from 'node:buffer';
import { writePredictRequest, writeRecordedResponse } from '../../codec/tensorflow/predict-writer.ts';
import { predictionLogParts } from '../../codec/tensorflow/prediction-log.ts';
import { frameRecord } from '../../codec/tfrecord/tf-record-writer.ts';
import type { Clock } from '../../core/clock.ts';
import { byteLengthOfAll } from '../../core/tensor.ts';
import type {
  MessageExchange,
  PredictCapture,
  PredictExchange,
  RequestSampler,
  SampledRequest,
  SamplePoint,
} from './sample-point.ts';

export interface SampleConsumer {
  /** The wanted share of the model's requests, 0 to 1. */
  readonly samplingRate: number;
  /** False: records hold only the request. */
  readonly wantsResponse: boolean;
  /** Is there room for about so many bytes? If not, the consumer counts the request as dropped. */
  admits(bytes: number): boolean;
  /** Takes over one TFRecord of a PredictionLog. Neither throws nor waits. */
  take(record: Buffer): void;
}

export interface RequestSamplersOptions {
  readonly clock: Clock;
  /** Random numbers in [0, 1). Default Math.random. */
  readonly random?: () => number;
  /** Called when a copy could not be made; the request goes on. */
  readonly onInternalError: (error: unknown) => void;
}

class ModelSamplePoint implements SamplePoint {
  sampler: ModelSampler | undefined = undefined;
  readonly capture: PredictCapture | undefined;

  constructor(capture: PredictCapture | undefined) {
    this.capture = capture;
  }
}

export class RequestSamplers {
  readonly #options: RequestSamplersOptions;
  readonly #points = new Map<string, ModelSamplePoint>();
  /** Captures payloads of all models that are loaded afterwards; undefined = payloads are not captured. */
  capture: PredictCapture | undefined;

  constructor(options: RequestSamplersOptions) {
    this.#options = options;
  }

  /** The sample point that all versions of the model share. The model need not be served yet. */
  pointOf(model: string): SamplePoint {
    return this.#open(model);
  }

  /** Adds a consumer of the model's requests; the returned function removes it. */
  add(model: string, consumer: SampleConsumer): () => void {
    const point = this.#open(model);
    point.sampler = new ModelSampler(this.#options, [...(point.sampler?.consumers ?? []), consumer]);
    return () => {
      const left = point.sampler?.consumers.filter((each) => each !== consumer) ?? [];
      point.sampler = left.length === 0 ? undefined : new ModelSampler(this.#options, left);
    };
  }

  #open(model: string): ModelSamplePoint {
    let point = this.#points.get(model);
    if (point === undefined) {
      point = new ModelSamplePoint(this.capture);
      this.#points.set(model, point);
    }
    return point;
  }
}

class ModelSampler implements RequestSampler {
  readonly consumers: readonly SampleConsumer[];
  readonly #options: RequestSamplersOptions;
  readonly #random: () => number;

  constructor(options: RequestSamplersOptions, consumers: readonly SampleConsumer[]) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.consumers = consumers;
  }

  sample(): SampledRequest | undefined {
    let chosen: SampleConsumer[] | undefined;
    for (const consumer of this.consumers) {
      if (this.#random() >= consumer.samplingRate) continue;
      chosen ??= [];
      chosen.push(consumer);
    }
    return chosen === undefined ? undefined : new Sample(this.#options, chosen);
  }
}

class Sample implements SampledRequest {
  readonly #options: RequestSamplersOptions;
  readonly #chosen: readonly SampleConsumer[];

  constructor(options: RequestSamplersOptions, chosen: readonly SampleConsumer[]) {
    this.#options = options;
    this.#chosen = chosen;
  }

  onPredict({ requested, served, inputs, outputFilter, outputs }: PredictExchange): void {
    const { name, signatureName } = served;
    this.onMessages({
      type: 'predict',
      served,
      requestBytes: byteLengthOfAll(inputs),
      responseBytes: byteLengthOfAll(outputs),
      request: () => writePredictRequest({ ...requested, name, signatureName }, inputs, outputFilter),
      response: () => writeRecordedResponse(served, outputs),
    });
  }

  onMessages(exchange: MessageExchange): void {
    try {
      this.#copy(exchange);
    } catch (error) {
      this.#options.onInternalError(error);
    }
  }

  #copy(exchange: MessageExchange): void {
    const { type, served, requestBytes, responseBytes } = exchange;
    const takers = this.#chosen.filter((each) => each.admits(requestBytes + (each.wantsResponse ? responseBytes : 0)));
    if (takers.length === 0) return;
    const { name, version, signatureName } = served;
    const request = exchange.request();
    const response = takers.some(({ wantsResponse }) => wantsResponse) ? exchange.response() : undefined;
    const wallMs = this.#options.clock.wallMs();
    for (const taker of takers) {
      const metadata = { name, version, signatureName, samplingRate: taker.samplingRate, wallMs };
      const answer = taker.wantsResponse ? response : undefined;
      taker.take(frameRecord(predictionLogParts(metadata, type, request, answer)));
    }
  }
}

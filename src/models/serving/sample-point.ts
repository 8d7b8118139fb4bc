/**
 * Copies a model's requests and answers for logs and recordings. All versions of a model share one SamplePoint. While
 * nothing is recorded `sampler` is undefined, and a request checks only that.
 */
import type { LogType } from '../../codec/tensorflow/prediction-log.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import type { ServedSignature } from './served-signature.ts';

export interface SamplePoint {
  readonly sampler: RequestSampler | undefined;
  /** Gets every Predict; undefined if payloads are not captured. */
  readonly capture?: PredictCapture | undefined;
}

/** Captures the payloads of Predict requests, including failed ones. */
export interface PredictCapture {
  /** Must copy what it keeps before it returns. Never throws. */
  take(attempt: PredictAttempt): void;
}

/** A Predict that has ended. */
export interface PredictAttempt extends Omit<PredictExchange, 'outputs'> {
  /** Counts all requests of the process. */
  readonly sequence: number;
  /** Undefined if it failed. */
  readonly outputs: TensorMap | undefined;
  /** The rest of a request whose rows differ in length, each length by itself. */
  readonly others: readonly RequestPart[];
}

/** Rows of one length, of a request that has several. */
export interface RequestPart {
  readonly inputs: TensorMap;
  /** Undefined if the request failed. */
  readonly outputs: TensorMap | undefined;
}

export interface RequestSampler {
  /** Called once for each request; undefined if it is not to be copied. */
  sample(): SampledRequest | undefined;
}

/** Copies one request when it is answered. One of the methods must be called; neither throws. */
export interface SampledRequest {
  /**
   * Must copy what it keeps before it returns, like the other method. Called once for each length of a request whose rows
   * differ in length: each is a request that can be sent by itself.
   */
  onPredict(exchange: PredictExchange): void;
  /** Copies a request of any method whose caller has the messages or can make them. */
  onMessages(exchange: MessageExchange): void;
}

/** A Predict and its answer. */
export interface PredictExchange {
  /** The version that the request asked for. */
  readonly requested: VersionChoice;
  readonly served: ServedSignature;
  readonly inputs: TensorMap;
  readonly outputFilter: readonly string[];
  readonly outputs: TensorMap;
}

/** A request and its answer as protobuf messages, which are encoded only if there is room for them. */
export interface MessageExchange {
  readonly type: LogType;
  readonly served: ServedSignature;
  /** The approximate sizes of the messages. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Encodes the request. Called at most once, before `onMessages` returns. */
  request(): Uint8Array;
  /** The same for the answer; not called if answers are not recorded. */
  response(): Uint8Array;
}

export const NO_SAMPLER: SamplePoint = { sampler: undefined };

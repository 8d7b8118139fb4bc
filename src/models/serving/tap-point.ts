/**
 * Where requests of a model may be copied while they are answered, for logs and recordings. One point for all versions
 * of a model. While nobody listens `tap` is undefined, and that is all that a request looks at.
 */

import type { LogType } from '../../codec/tensorflow/prediction-log.ts';
import type { Classifications, Regressions } from '../../core/inference-results.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import type { ServedSignature } from './served-signature.ts';

export interface TapPoint {
  readonly tap: RequestTap | undefined;
  /** Gets every Predict; undefined where payloads are not captured. */
  readonly capture?: PredictCapture | undefined;
}

/** Who keeps payloads of Predict requests, those that failed too. */
export interface PredictCapture {
  /** Copies all that it keeps before it returns. Never throws. */
  take(attempt: PredictAttempt): void;
}

/** A Predict that has ended. */
export interface PredictAttempt extends Omit<PredictExchange, 'outputs'> {
  /** Of all requests of the process. */
  readonly sequence: number;
  /** Undefined: it failed. */
  readonly outputs: TensorMap | undefined;
}

export interface RequestTap {
  /** Asked once for each request: is it one of those to be copied? */
  sample(): SampledRequest | undefined;
}

/** A request that will be copied when it has its answer. Call one of these, once. */
export interface SampledRequest {
  /** Copies all that it keeps before it returns. Never throws. */
  onPredict(exchange: PredictExchange): void;
  /** The same for the methods that take examples. */
  onInference(exchange: InferenceExchange): void;
  /** The same for any kind of request, by those who have it as a message or can make one. */
  onMessages(exchange: MessageExchange): void;
}

/** A Predict and its answer. */
export interface PredictExchange {
  /** The version as it was asked for. */
  readonly requested: VersionChoice;
  readonly served: ServedSignature;
  readonly inputs: TensorMap;
  readonly outputFilter: readonly string[];
  readonly outputs: TensorMap;
}

/** A Classify, Regress or MultiInference and its answer. */
export interface InferenceExchange {
  readonly type: 'classify' | 'regress' | 'multi_inference';
  /** Serialized, the context merged into each. */
  readonly examples: readonly Uint8Array[];
  /** One for each task in their order, at least one; Classify and Regress have exactly one. */
  readonly tasks: readonly InferenceTaskExchange[];
}

export interface InferenceTaskExchange {
  /** The version as it was asked for. */
  readonly requested: VersionChoice;
  readonly served: ServedSignature;
  readonly result: Classifications | Regressions;
}

/** A request and its answer as the messages of their kind; neither is made unless somebody has room for it. */
export interface MessageExchange {
  readonly type: LogType;
  readonly served: ServedSignature;
  /** About what the messages take, for who asks whether there is room. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Called at most once, before `onMessages` returns. */
  request(): Uint8Array;
  /** The same; not called where nobody wants answers. */
  response(): Uint8Array;
}

export const NO_TAPS: TapPoint = { tap: undefined };

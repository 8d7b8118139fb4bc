/**
 * Replays run a recorded request again on one servable, each kind of record through the call of its method. The kernel
 * replays Predict; features add the records of their methods.
 *
 * A replay is no client's request: it has no deadline, no metrics, no log line, and is not recorded again. The model's
 * name and version in the request may be missing and are ignored, as in TensorFlow Serving.
 */
import type { LogType } from '../../codec/tensorflow/prediction-log.ts';
import type { Clock } from '../../core/clock.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { RequestContext } from '../request-context.ts';
import { ModelResolver } from './model-resolver.ts';

/** One request to replay. */
export interface Replay {
  readonly clock: Clock;
  readonly servable: Servable;
  /** The message. */
  readonly request: Uint8Array;
  /** Limit of all tensors or examples of one message together, in bytes. */
  readonly maxTensorBytes: number;
}

/**
 * The first difference between the answer and this recorded message; undefined if there is none. Throws ServingError.
 */
export type Compare = (recorded: Uint8Array) => string | undefined;

/** Runs the request and resolves with the comparison of its answer. Rejects with ServingError. */
export type ReplayRequest = (replay: Replay) => Promise<Compare>;

/** How records of each kind are replayed. A kind that is not there cannot be. */
export type Replays = ReadonlyMap<LogType, ReplayRequest>;

/** Resolves every name and version to the one servable. */
export function replayResolver(servable: Servable): ModelResolver {
  return new ModelResolver({
    isReady: true,
    modelNames: [servable.name],
    onReadinessChange: () => () => undefined,
    acquire: () => servable.borrow(),
    status: () => [{ version: servable.version, state: 'LOADING', error: undefined }],
  });
}

/** Keeps only the signature of a recorded spec. */
export function replaySpec({ name }: Servable, { signatureName }: ModelSpec): ModelSpec {
  return { name, signatureName };
}

export function replayContext(clock: Clock, method: string): RequestContext {
  return new RequestContext({
    clock,
    arrival: {
      surface: 'grpc',
      method,
      receivedAt: clock.nowMs(),
      timeoutMs: undefined,
      requestId: undefined,
      peer: 'replay',
      caller: 'replay',
      callerTrace: undefined,
    },
    deadline: Infinity,
    sequence: 0,
    trace: undefined,
  });
}

/** Pillion as an application sees it in its own process. Plain interfaces: their types lead to no other package. */
import type { PriorityName } from '../../core/priority.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';

/** The bound addresses: "127.0.0.1:8500", "[::]:8500", "unix:/run/pillion.sock". */
export interface Addresses {
  readonly grpc: readonly string[];
  readonly rest: readonly string[];
  readonly admin: string;
  /** Absent without --metrics_port. */
  readonly metrics?: string;
  /** Absent without --probe_port. */
  readonly probes?: string;
}

/** A request for a model of this process. */
export interface LocalPredict {
  readonly model: string;
  /** The version that is asked for; give it or `label`, not both. Default: the version that is served. */
  readonly version?: bigint | number | undefined;
  readonly label?: string | undefined;
  /** Default: `serving_default`. */
  readonly signature?: string | undefined;
  /** Inputs by the signature's names. Their memory must not change until the answer is there, nor after an abort. */
  readonly inputs: TensorMap | Readonly<Record<string, Tensor>>;
  /** The outputs to return, in this order. Default: all. */
  readonly outputs?: readonly string[] | undefined;
  /** Default: the server's own limit. */
  readonly timeoutMs?: number | undefined;
  readonly priority?: PriorityName | undefined;
  /** Aborted when nobody needs the answer any more: rejects with `cancelled`. */
  readonly signal?: AbortSignal | undefined;
}

/** A server that its application has in its own process. */
export interface Pillion {
  /**
   * Binds the ports and loads the models. Resolves when the server is ready, which may take until models are put into
   * their base paths, or when it is drained before. Rejects with the first failure (port in use, model does not load);
   * everything is closed then.
   */
  start(): Promise<Addresses>;
  /**
   * Runs a model as a Predict over REST does, with the same batches, limits, deadlines, metrics and traces, but without
   * a socket, and without asking the authorization file: the application is trusted. Rejects with a ServingError.
   */
  predict(request: LocalPredict): Promise<TensorMap>;
  /** Reads the file that lists the models, and key and certificates, again. The log has the outcome. */
  reread(): void;
  /** Drains and closes everything, within the drain's delay and timeout. A second call does nothing more. */
  drain(): Promise<void>;
}

/**
 * A session of a model that another server runs. Each run is one call; calls are concurrent. A call is cancelled when
 * none of its requests needs it any more. The session computes nothing here, so it runs on the event loop.
 */
import type { Clock } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { BatchOrigin } from '../../core/executor.ts';
import { PRIORITY_HEADER, PRIORITY_NAMES, Priority } from '../../core/priority.ts';
import type { Signature } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import type { RunOptions, Session } from '../backend.ts';
import { checkRun, RunsInFlight } from '../session-runs.ts';
import { type RemoteChannel, RemoteFault } from './remote-channel.ts';
import { isUnanswered, toRunError } from './remote-errors.ts';
import type { RemoteConfig } from './remote-file.ts';
import type { RemoteProtocol } from './remote-protocol.ts';

export interface RemoteSessionParts {
  readonly config: RemoteConfig;
  readonly channel: RemoteChannel;
  readonly protocol: RemoteProtocol;
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly clock: Clock;
}

export class RemoteSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly concurrency: number;
  readonly #parts: RemoteSessionParts;
  /** "digits at inference.internal:8500", for error texts. */
  readonly #remote: string;
  readonly #inFlight = new RunsInFlight();
  #closed: Promise<void> | undefined;

  constructor(parts: RemoteSessionParts) {
    this.#parts = parts;
    this.signatures = parts.signatures;
    this.concurrency = parts.config.concurrency;
    this.#remote = describeRemote(parts.config);
  }

  close(): Promise<void> {
    this.#closed ??= this.#inFlight.idle().then(() => this.#parts.channel.close());
    return this.#closed;
  }

  async run(
    signatureName: string,
    inputs: TensorMap,
    outputs: readonly string[],
    { deadline, origin }: RunOptions,
  ): Promise<TensorMap> {
    if (this.#closed !== undefined) {
      throw new ServingError('backend_failed', `${this.#remote}: the model has been unloaded`);
    }
    checkRun(this.signatures, signatureName, inputs, outputs);
    const { channel, protocol, clock, config } = this.#parts;
    const callDeadline = Math.min(deadline, clock.nowMs() + config.timeoutMs);
    this.#inFlight.begin();
    try {
      const answer = await channel.call({
        path: protocol.predictPath,
        message: protocol.writePredictRequest(signatureName, inputs, outputs),
        deadline: callDeadline,
        headers: headersOf(origin),
        onCancellable: (cancel) => {
          if (origin !== undefined) origin.onAbandoned = cancel;
        },
        onRetry: (reason) => {
          origin?.note('retry', { 'inference.reason': reason, 'inference.remote.address': config.address });
        },
      });
      return this.#outputsOf(answer, outputs);
    } catch (thrown) {
      if (!(thrown instanceof RemoteFault)) throw toServingError(thrown);
      const facts = { remote: this.#remote, now: clock.nowMs(), deadline, callDeadline, timeoutMs: config.timeoutMs };
      if (isUnanswered(thrown, facts)) channel.renew();
      throw toRunError(thrown, facts);
    } finally {
      this.#inFlight.end();
    }
  }

  #outputsOf(answer: Uint8Array, wanted: readonly string[]): TensorMap {
    let given: TensorMap;
    try {
      given = this.#parts.protocol.readPredictResponse(answer);
    } catch (cause) {
      const text = `${this.#remote} gave an answer that cannot be read: ${(cause as Error).message}`;
      throw new ServingError('backend_failed', text, { cause });
    }
    const outputs = new Map<string, Tensor>();
    for (const name of wanted) {
      const tensor = given.get(name);
      if (tensor === undefined) {
        const text = `${this.#remote} gave no output "${name}"; it gave: ${[...given.keys()].join(', ')}`;
        throw new ServingError('backend_failed', text);
      }
      outputs.set(name, tensor);
    }
    return outputs;
  }
}

export function describeRemote({ model, address }: RemoteConfig): string {
  return `"${model}" at ${address}`;
}

/** The headers that carry the requests' trace context and priority to the server. */
function headersOf(origin: BatchOrigin | undefined): Readonly<Record<string, string>> {
  if (origin === undefined) return {};
  const headers: Record<string, string> = {};
  const trace = origin.traceHeaders;
  if (trace !== undefined) headers['traceparent'] = trace.traceparent;
  if (trace?.tracestate !== undefined) headers['tracestate'] = trace.tracestate;
  if (trace?.baggage !== undefined) headers['baggage'] = trace.baggage;
  if (origin.priority !== Priority.default) headers[PRIORITY_HEADER] = PRIORITY_NAMES[origin.priority]!;
  return headers;
}

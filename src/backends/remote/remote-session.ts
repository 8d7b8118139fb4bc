/**
 * A session of a model that another server runs. Each run is one call; calls are concurrent. A call is cancelled when
 * none of its requests needs it any more. The session computes nothing here, so it runs on the event loop.
 */
import type { Clock } from '../../core/clock.ts';
import { GrpcStatus, ServingError, toServingError } from '../../core/errors.ts';
import type { BatchOrigin } from '../../core/executor.ts';
import { PRIORITY_HEADER, PRIORITY_NAMES, Priority } from '../../core/priority.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import type { RunOptions, Session } from '../backend.ts';
import { checkRun, RunsInFlight } from '../session-runs.ts';
import type { RemoteAxes } from './remote-axes.ts';
import { type RemoteChannel, RemoteFault } from './remote-channel.ts';
import { isUnanswered, toRunError } from './remote-errors.ts';
import type { RemoteConfig } from './remote-file.ts';
import type { RemoteProtocol } from './remote-protocol.ts';

export interface RemoteSessionParts {
  readonly config: RemoteConfig;
  readonly channel: RemoteChannel;
  readonly protocol: RemoteProtocol;
  readonly axes: RemoteAxes;
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
    this.signatures = parts.axes.signatures;
    this.concurrency = parts.config.concurrency;
    this.#remote = describeRemote(parts.config);
  }

  watchSignatures(followed: ReadonlySet<string>, onChange: (signatures: Signatures) => void): void {
    this.#parts.axes.watch(followed, onChange);
  }

  close(): Promise<void> {
    this.#parts.axes.close();
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
    const { axes, channel, protocol, clock, config } = this.#parts;
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
      if (origin?.isShared === true) this.#checkShared(signatureName, answer);
      return this.#outputsOf(answer, outputs);
    } catch (thrown) {
      if (!(thrown instanceof RemoteFault)) throw toServingError(thrown);
      const facts = { remote: this.#remote, now: clock.nowMs(), deadline, callDeadline, timeoutMs: config.timeoutMs };
      if (isUnanswered(thrown, facts)) channel.renew();
      // A server that is away may come back with another model.
      if (thrown.code === GrpcStatus.UNAVAILABLE) axes.lookSoon();
      throw toRunError(thrown, facts);
    } finally {
      this.#inFlight.end();
    }
  }

  /**
   * Throws `invalid_request` where several requests have been answered by another version than the one whose rows are
   * known to keep apart. The scheduler then runs each of them alone, which no version can answer wrongly.
   */
  #checkShared(signatureName: string, answer: Uint8Array): void {
    const { axes, protocol } = this.#parts;
    let version: string | undefined;
    try {
      version = protocol.readAnsweringVersion(answer);
    } catch {
      // Whatever is wrong with the answer is told by the one who reads its outputs.
      return;
    }
    if (axes.mayShare(signatureName, version)) return;
    axes.lookSoon();
    const text = `${this.#remote}: version ${version} has answered, of whose rows nothing is known; send it again`;
    throw new ServingError('invalid_request', text);
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
  const headers: Record<string, string> = { ...origin.traceHeaders };
  if (origin.priority !== Priority.default) headers[PRIORITY_HEADER] = PRIORITY_NAMES[origin.priority]!;
  return headers;
}

/** A server that is measured over gRPC: one connection, on which all requests are streams, as with any client of gRPC. */
import type { Clock } from '../../core/clock.ts';
import type { PreparedCall } from '../predict/grpc-stub.ts';
import { TIMEOUT } from './tally.ts';
import type { Target } from './target.ts';

interface GrpcTargetOptions {
  readonly url: string;
  readonly send: PreparedCall;
  readonly close: () => void;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

const LATE = 'DEADLINE_EXCEEDED';
/** A deadline of gRPC is in whole milliseconds of the wall clock. */
const GRAIN_MS = 2;

export class GrpcTarget implements Target {
  readonly url: string;
  readonly #options: GrpcTargetOptions;

  constructor(options: GrpcTargetOptions) {
    this.url = options.url;
    this.#options = options;
  }

  /** Answered = OK. A deadline that has passed is told from one that the server says cannot be met. */
  send(onEnd: (error: string | undefined) => void): void {
    const { send, timeoutMs, clock } = this.#options;
    const sentAt = clock.nowMs();
    send((error) => {
      const isOver = error === LATE && clock.nowMs() - sentAt >= timeoutMs - GRAIN_MS;
      onEnd(isOver ? TIMEOUT : error);
    });
  }

  close(): void {
    this.#options.close();
  }
}

/** Begins the records of requests for the application, and tells their ends to metrics, log, tracer and listeners. */
import { randomUUID } from 'node:crypto';
import type { Clock, Instant } from '../../../core/clock.ts';
import type { CallerTrace } from '../../../ledger/request-record.ts';
import type { TraceContext } from '../../../ledger/tracing/trace-context.ts';
import { AppConnections, type AppSocket } from './app-connections.ts';
import { type FrontedArrival, FrontedRecord, type RecordKeeper } from './fronted-record.ts';

export interface FrontedTelemetryOptions {
  readonly clock: Clock;
  /** Like `Telemetry.startTrace`. */
  readonly startTrace: (caller: CallerTrace | undefined) => TraceContext | undefined;
  /** The context of the span of a request that is sent on, child of `server`; undefined where no spans are made. */
  readonly startSent: (server: TraceContext) => TraceContext | undefined;
  /** Applications that are told apart. Default: one. */
  readonly apps?: number;
  /** An application, counted from 0, took a new connection, or did not. */
  readonly onConnect: (isMade: boolean, app: number) => void;
  /** Must not throw. */
  readonly onEnd: (record: FrontedRecord) => void;
}

export class FrontedTelemetry implements RecordKeeper {
  /** Records that are not over. */
  inFlight = 0;
  readonly #options: FrontedTelemetryOptions;
  readonly #connections: readonly AppConnections[];

  constructor(options: FrontedTelemetryOptions) {
    this.#options = options;
    const { apps = 1, onConnect } = options;
    this.#connections = Array.from(
      { length: apps },
      (_, app) => new AppConnections((isMade) => onConnect(isMade, app)),
    );
  }

  /** Open connections to an application. */
  connections(app: number): number {
    return this.#connections[app]!.open;
  }

  /** The record of a request whose head has come. It must be told that it is over, on every path. */
  begin(arrival: FrontedArrival): FrontedRecord {
    const { startTrace, startSent } = this.#options;
    this.inFlight += 1;
    const trace = startTrace(arrival.callerTrace);
    const ids = { id: arrival.callerId ?? randomUUID(), trace, sentTrace: trace && startSent(trace) };
    return new FrontedRecord(arrival, ids, this);
  }

  now(): Instant {
    return this.#options.clock.nowMs();
  }

  /** A connection to an application is being made. Call it once for each. */
  follow(socket: AppSocket, app = 0): void {
    this.#connections[app]!.follow(socket);
  }

  end(record: FrontedRecord): void {
    this.inFlight -= 1;
    this.#options.onEnd(record);
  }
}

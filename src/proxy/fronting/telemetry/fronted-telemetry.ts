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
  /** The application took a new connection, or did not. */
  readonly onConnect: (isMade: boolean) => void;
  /** Must not throw. */
  readonly onEnd: (record: FrontedRecord) => void;
}

export class FrontedTelemetry implements RecordKeeper {
  /** Records that are not over. */
  inFlight = 0;
  readonly #options: FrontedTelemetryOptions;
  readonly #connections: AppConnections;

  constructor(options: FrontedTelemetryOptions) {
    this.#options = options;
    this.#connections = new AppConnections(options.onConnect);
  }

  /** Open connections to the application. */
  get connections(): number {
    return this.#connections.open;
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

  /** A connection to the application is being made. Call it once for each. */
  follow(socket: AppSocket): void {
    this.#connections.follow(socket);
  }

  end(record: FrontedRecord): void {
    this.inFlight -= 1;
    this.#options.onEnd(record);
  }
}

/**
 * xds.service.orca.v3.OpenRcaService: load reports beside the requests ("out of band"). A report at once, and then one
 * each interval; none before the first request was answered, as there is nothing to tell.
 *
 * It is outside the request lifecycle, as health checks are: a stream that stays open for days is no request in flight.
 */
import { lengthDelimited, varintTag, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { type Clock, repeat, type TimerHandle } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { CallReader, GrpcCall, GrpcMethod, GrpcService } from '../../proxy/grpc/engine.ts';
import { statusOf } from '../../proxy/grpc/grpc-errors.ts';
import type { LoadReports } from './load-reports.ts';

export const ORCA_SERVICE = 'xds.service.orca.v3.OpenRcaService';

/** The interval for clients that name none. */
const DEFAULT_INTERVAL_MS = 30_000;
/** The time for which a report is given again. */
const LEAST_INTERVAL_MS = 100;
/** A year. */
const MOST_INTERVAL_MS = 31_536_000_000;

export class OrcaService implements GrpcService {
  readonly name = ORCA_SERVICE;
  readonly #reports: LoadReports;
  readonly #clock: Clock;
  readonly #streams = new Set<ReportStream>();
  #isEnding = false;

  constructor(reports: LoadReports, clock: Clock) {
    this.#reports = reports;
    this.#clock = clock;
  }

  get methods(): readonly GrpcMethod[] {
    const start = (call: GrpcCall): CallReader => new ReportStream(call, this);
    const path = `/${ORCA_SERVICE}/StreamCoreMetrics`;
    return [{ path, isClientStream: false, enforcesDeadline: false, start }];
  }

  endStreams(): void {
    this.#isEnding = true;
    for (const stream of this.#streams) stream.finish();
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** The report of the moment; undefined before the first request was answered. */
  get bytes(): Uint8Array | undefined {
    return this.#reports.report?.bytes;
  }

  /** Ticks for `stream` until the returned function is called. */
  add(stream: ReportStream, intervalMs: number): () => void {
    this.#streams.add(stream);
    const timer: TimerHandle = repeat(this.#clock, intervalMs, () => stream.send());
    return () => {
      timer.cancel();
      this.#streams.delete(stream);
    };
  }
}

/** One client's stream of reports. */
class ReportStream implements CallReader {
  readonly #call: GrpcCall;
  readonly #service: OrcaService;
  #stop: (() => void) | undefined;

  constructor(call: GrpcCall, service: OrcaService) {
    this.#call = call;
    this.#service = service;
  }

  onMessage(bytes: Uint8Array): void {
    let intervalMs: number;
    try {
      intervalMs = readInterval(bytes);
    } catch (error) {
      if (!(error instanceof ServingError)) throw error;
      this.#call.end(statusOf(error));
      return;
    }
    if (this.#service.isEnding) this.finish();
    else {
      this.#stop = this.#service.add(this, intervalMs);
      this.send();
    }
  }

  onAbort(): void {
    this.#stop?.();
  }

  send(): void {
    const { bytes } = this.#service;
    if (bytes !== undefined) this.#call.send(bytes);
  }

  /** UNAVAILABLE: its client asks again, elsewhere. */
  finish(): void {
    this.#stop?.();
    this.#call.end(statusOf(new ServingError('draining', 'the server is shutting down')));
  }
}

/** OrcaLoadReportRequest: 1 report_interval, a Duration. */
function readInterval(bytes: Uint8Array): number {
  const reader = new WireReader(bytes, 'OrcaLoadReportRequest');
  let intervalMs = 0;
  while (reader.next()) {
    if (reader.tag !== lengthDelimited(1)) reader.skip();
    else {
      const outer = reader.enter();
      while (reader.next()) {
        if (reader.tag === varintTag(1)) intervalMs += reader.int64AsNumber() * 1000;
        else if (reader.tag === varintTag(2)) intervalMs += reader.int64AsNumber() / 1e6;
        else reader.skip();
      }
      reader.leave(outer);
    }
  }
  if (intervalMs <= 0) return DEFAULT_INTERVAL_MS;
  return Math.min(MOST_INTERVAL_MS, Math.max(LEAST_INTERVAL_MS, intervalMs));
}

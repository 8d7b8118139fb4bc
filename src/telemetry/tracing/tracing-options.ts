/** What tracing is told at its start, and what it tells: for all that send spans. */
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../log/log.ts';

/** Environment variables, as in process.env. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface TracingOptions {
  /** The process's own: the SDK reads that one, whatever is given here. */
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ours, for `service.version` and the instrumentation scope. */
  readonly version: string;
}

/** OTLP's protocols that are protobuf: bytes can be made of records without the SDK. */
export type OtlpProtocol = 'http/protobuf' | 'grpc';

/** Why spans were lost that were made: too many waited for the collector, or it did not take them. */
export type SpanLoss = 'queue_full' | 'export_failed';

/** Told of spans that were lost. */
export type LostSpansListener = (count: number, why: SpanLoss) => void;

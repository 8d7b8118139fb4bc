import type { Clock } from '../../core/clock.ts';
import type { Environment } from '../../kernel/installation.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { ServedNames } from './attributes/served-names.ts';

/** The options of an exporter of any signal. */
export interface ExportOptions {
  /** Must be the process's own environment, which the SDK reads. */
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The server's version, for `service.version` and the instrumentation scope. */
  readonly version: string;
}

export interface TracingOptions extends ExportOptions {
  readonly names: ServedNames;
}

/** OTLP's protocols with protobuf, whose bytes are made without the SDK. */
export type OtlpProtocol = 'http/protobuf' | 'grpc';

/** Why spans were lost: too many waited for the collector, or it did not take them. */
export type SpanLoss = 'queue_full' | 'export_failed';

/** Called when spans were lost. */
export type LostSpansListener = (count: number, why: SpanLoss) => void;

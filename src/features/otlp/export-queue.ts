/** A queue of what is encoded for a collector, with the transport that empties it. */
import type { LossLog } from './losses.ts';
import { createOtlpTransport, type OtlpSignal } from './otlp-transport.ts';
import { detectedResource, resourceFields, scopeFields } from './resource.ts';
import { startDiagnostics } from './sdk-diagnostics.ts';
import type { SpanQueueLimits } from './span-limits.ts';
import { SpanQueue } from './span-queue.ts';
import type { ExportOptions, OtlpProtocol } from './tracing-options.ts';

export interface ExportQueueOptions {
  readonly signal: OtlpSignal;
  readonly protocol: OtlpProtocol;
  /** Reads the limits of the queue, once diagnostics are logged. */
  readonly limits: () => SpanQueueLimits;
  /** It is closed with the queue. */
  readonly losses: LossLog;
}

export interface ExportQueue {
  readonly queue: SpanQueue;
  /** Sends all that waits, and closes the transport. Rejects with the reason if that fails. */
  sendRest(): Promise<void>;
  /** Gives up what still waits. Returns how much was lost since `sendRest` was called. */
  close(): number;
}

/** Detects the resource and opens the transport. Rejects with OpenTelemetry's error if its variables are invalid. */
export async function openExportQueue(
  options: ExportOptions,
  { signal, protocol, limits, losses }: ExportQueueOptions,
): Promise<ExportQueue> {
  const { clock, version, env } = options;
  const diagnostics = startDiagnostics(options);
  const [transport, resource] = await Promise.all([
    createOtlpTransport(signal, protocol),
    detectedResource(version, env['OTEL_NODE_RESOURCE_DETECTORS']),
  ]);
  const queue = new SpanQueue({
    clock,
    limits: limits(),
    // ResourceLogs and ScopeLogs have the fields of ResourceSpans and ScopeSpans.
    resource: resourceFields(resource),
    scope: scopeFields(version),
    send: (encoded) => transport.send(encoded),
    onLost: (count, why, error) => losses.add(count, why, error),
  });
  let lostBefore = 0;
  return {
    queue,
    sendRest() {
      lostBefore = losses.count;
      return queue.shutdown().then(() => transport.shutdown());
    },
    close() {
      queue.abandon();
      losses.close();
      diagnostics.close();
      return losses.count - lostBefore;
    },
  };
}

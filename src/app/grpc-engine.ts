/** The HTTP/2 stack under gRPC that the options ask for. */
import type { Machine } from '../config/machine/machine.ts';
import type { ServeOptions } from '../config/serve-options.ts';
import { systemClock } from '../core/clock.ts';
import type { GrpcEngine } from '../proxy/grpc/engine.ts';
import { GrpcJsEngine } from '../proxy/grpc/grpc-js-engine.ts';
import { PillionEngine } from '../proxy/grpc/pillion-engine.ts';
import type { ListenTls } from '../proxy/net/tls-server.ts';

export function createGrpcEngine(
  options: ServeOptions,
  { budgetCores }: Machine,
  onInternalError: (error: unknown) => void,
  tls: ListenTls | undefined,
): GrpcEngine {
  const common = { clock: systemClock, maxReceiveBytes: options.max_message_bytes, onInternalError, tls };
  if (options.http2_engine === 'grpc-js') return new GrpcJsEngine(common);
  // With one core whoever else has work for it would wait.
  const spinMs = budgetCores < 2 ? 0 : options.grpc_spin_micros / 1000;
  const compressFromBytes = options.grpc_compress_from_bytes || Infinity;
  return new PillionEngine({ ...common, compressFromBytes, http2: { spinMs } });
}

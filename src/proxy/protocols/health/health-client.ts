/** grpc.health.v1.Health/Check asked of another server, over HTTP/2 without TLS. */
import { Buffer } from 'node:buffer';
import type { ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { varintTag, WireReader } from '../../../codec/protobuf/wire-reader.ts';
import { bytesField } from '../../../codec/protobuf/wire-writer.ts';
import type { Clock } from '../../../core/clock.ts';
import { GrpcStatus } from '../../../core/errors.ts';

const CHECK = '/grpc.health.v1.Health/Check';
/** HealthCheckResponse.ServingStatus by number. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const SERVING = 1;

/** A socket file, or a host and a port. */
interface HealthAddress {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
}

interface Health {
  readonly isGood: boolean;
  /** Says for people "status NOT_SERVING", or why there is no status. */
  readonly why: string;
}

/**
 * Asks about a service, '' for the whole server, each time that the returned function is called. Each call has a
 * connection of its own, as a kept one would not say whether the server takes new ones; takes `mostMs` at most, and
 * never rejects.
 */
export function healthClient(
  { socketPath, host, port }: HealthAddress,
  service: string,
): (clock: Clock, mostMs: number) => Promise<Health> {
  const target =
    socketPath === undefined ? `${host!.includes(':') ? `[${host}]` : host}:${port}` : `unix:${socketPath}`;
  const request = Buffer.from(bytesField(1, service));
  return async (clock, mostMs) => {
    // The library is loaded here, so that only servers that ask for health pay for it.
    const { Client, credentials } = await import('@grpc/grpc-js');
    const client = new Client(target, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
    });
    let isLate = false;
    return await new Promise<Health>((resolve) => {
      let call: ClientUnaryCall | undefined;
      const timer = clock.setTimer(clock.nowMs() + mostMs, () => {
        isLate = true;
        call?.cancel();
      });
      const onAnswer = (error: ServiceError | null, status: number | undefined): void => {
        timer.cancel();
        client.close();
        resolve(error === null ? lookOf(status) : { isGood: false, why: isLate ? lateText(mostMs) : faultText(error) });
      };
      call = client.makeUnaryRequest(CHECK, (bytes: Buffer) => bytes, readStatus, request, onAnswer);
    });
  };
}

function lookOf(status: number | undefined): Health {
  return { isGood: status === SERVING, why: `status ${STATUSES[status ?? 0] ?? status}` };
}

function lateText(mostMs: number): string {
  return `no answer within ${mostMs} ms`;
}

function faultText({ code, details }: ServiceError): string {
  if (code === GrpcStatus.UNIMPLEMENTED) return 'it has no grpc.health.v1.Health service';
  if (code === GrpcStatus.NOT_FOUND) return `its health service does not know this service (${details})`;
  return details;
}

/** HealthCheckResponse: 1 status. */
function readStatus(bytes: Buffer): number {
  const reader = new WireReader(bytes, 'HealthCheckResponse');
  let status = 0;
  while (reader.next()) {
    if (reader.tag === varintTag(1)) status = reader.varint();
    else reader.skip();
  }
  return status;
}

/** The application's health by grpc.health.v1.Health/Check, over HTTP/2 without TLS. */
import { Buffer } from 'node:buffer';
import type { ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { varintTag, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { bytesField } from '../../codec/protobuf/wire-writer.ts';
import { GrpcStatus } from '../../core/errors.ts';
import type { AppAddress } from './app-address.ts';
import type { AppLook, AskApp } from './app-health.ts';

const CHECK = '/grpc.health.v1.Health/Check';
/** HealthCheckResponse.ServingStatus by number. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const SERVING = 1;

/** `service`: '' is the whole server. A connection of its own each time, as over HTTP. */
export function askByGrpc({ socketPath, host, port }: AppAddress, service: string): AskApp {
  const target =
    socketPath === undefined ? `${host!.includes(':') ? `[${host}]` : host}:${port}` : `unix:${socketPath}`;
  const request = Buffer.from(bytesField(1, service));
  return async (clock, mostMs) => {
    // Only who asks so pays for loading it.
    const { Client, credentials } = await import('@grpc/grpc-js');
    const client = new Client(target, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
    });
    let isLate = false;
    return await new Promise<AppLook>((resolve) => {
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

function lookOf(status: number | undefined): AppLook {
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

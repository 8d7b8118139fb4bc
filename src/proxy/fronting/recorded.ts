/** Records a fronted request for telemetry. */
import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import type { Propagation } from '../../ledger/tracing/propagation.ts';
import type { AppAddress } from './app/app-address.ts';
import type { RequestHead, TunnelEnd } from './client-and-app.ts';
import type { ClientTrust } from './heads/app-headers.ts';
import { joinedValues, valuesOf } from './heads/hop-headers.ts';
import { targetOf } from './heads/sent-request.ts';
import type { FrontedRecord } from './telemetry/fronted-record.ts';
import type { FrontedTelemetry } from './telemetry/fronted-telemetry.ts';

interface RecordParts {
  readonly telemetry: FrontedTelemetry;
  readonly propagation: Propagation;
  readonly app: { readonly address: AppAddress };
}

/** Begins the record of a request whose head has come. */
export function beginRecord(
  head: RequestHead,
  { told }: ClientTrust,
  { telemetry, propagation, app }: RecordParts,
): FrontedRecord {
  const { headers, method, target, httpVersion, isTls, peer, isGrpc, upgrade } = head;
  return telemetry.begin({
    app: app.address,
    route: upgrade !== undefined ? 'upgrade' : isGrpc ? 'grpc' : 'http',
    method,
    target: targetOf(target).path,
    protocol: httpVersion,
    isTls,
    peer,
    client: told,
    callerId: valuesOf(headers, 'x-request-id')[0],
    callerTrace: propagation.read(headers, joinedValues, undefined),
    userAgent: valuesOf(headers, 'user-agent')[0],
    host: valuesOf(headers, 'host')[0],
  });
}

/** Counts the bytes of the request's body. Call it when it is piped: to listen makes a stream flow. */
export function countRequest(body: Readable, record: FrontedRecord): void {
  body.on('data', (chunk: Buffer) => {
    record.requestBytes += chunk.length;
  });
}

/** Like countRequest. */
export function countAnswer(body: Readable, record: FrontedRecord): void {
  body.on('data', (chunk: Buffer) => {
    record.responseBytes += chunk.length;
  });
}

/** A tunnel's record is over when its connection to the application is. Call it once the tunnel is joined. */
export function recordTunnel(client: TunnelEnd, app: TunnelEnd, record: FrontedRecord): void {
  record.requestBytes = client.head.length;
  record.responseBytes = app.head.length;
  countRequest(client.duplex, record);
  countAnswer(app.duplex, record);
  app.duplex.once('close', () => record.over('upgraded'));
}

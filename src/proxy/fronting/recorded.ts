/** Records a fronted request for telemetry. */
import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { callerTrace } from '../../ledger/tracing/propagation.ts';
import type { AppAddress } from './app/app-address.ts';
import type { RequestHead, TunnelEnd } from './client-and-app.ts';
import { valuesOf } from './heads/hop-headers.ts';
import { targetOf } from './heads/sent-request.ts';
import type { FrontedRecord } from './telemetry/fronted-record.ts';
import type { FrontedTelemetry } from './telemetry/fronted-telemetry.ts';

/** Begins the record of a request whose head has come. */
export function beginRecord(head: RequestHead, telemetry: FrontedTelemetry, app: AppAddress): FrontedRecord {
  const { headers, method, target, httpVersion, isTls, peer, isGrpc, upgrade } = head;
  // Two headers of that name count as none.
  const [traceparent, another] = valuesOf(headers, 'traceparent');
  const tracestate = traceparent === undefined ? '' : valuesOf(headers, 'tracestate').join(',');
  return telemetry.begin({
    app: app.text,
    route: upgrade !== undefined ? 'upgrade' : isGrpc ? 'grpc' : 'http',
    method,
    target: targetOf(target).path,
    protocol: httpVersion,
    isTls,
    peer,
    callerId: valuesOf(headers, 'x-request-id')[0],
    callerTrace: another === undefined ? callerTrace(traceparent, tracestate || undefined, undefined) : undefined,
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

/** The attributes that spans of fronted requests have whether they are of HTTP or of gRPC. */
import { clip } from '../../../ledger/caller-text.ts';
import { AttributeKey, type SpanOutput, setPeer } from '../../../ledger/tracing/span-output.ts';
import type { FrontedRecord } from './fronted-record.ts';

/** Fills the two spans of a record that is over. */
export interface SpanForm {
  nameOf(record: FrontedRecord): string;
  setServer(output: SpanOutput, record: FrontedRecord): void;
  setClient(output: SpanOutput, record: FrontedRecord): void;
}

export const ERROR_TYPE = new AttributeKey('error.type');
export const HTTP_STATUS = new AttributeKey('http.response.status_code');
const RESENDS = new AttributeKey('http.request.resend_count');
const REQUEST_SIZE = new AttributeKey('http.request.body.size');
const RESPONSE_SIZE = new AttributeKey('http.response.body.size');
const PROTOCOL = new AttributeKey('network.protocol.version');
const FULL = new AttributeKey('url.full');
const SERVER_ADDRESS = new AttributeKey('server.address');
const SERVER_PORT = new AttributeKey('server.port');
const USER_AGENT = new AttributeKey('user_agent.original');
const REQUEST_ID = new AttributeKey('inference.request.id');

/** A host, or a bracketed IPv6 address, and perhaps a port. */
const AUTHORITY = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/;

/** Sets who asked for what server, and how much was sent. */
export function setArrival(output: SpanOutput, record: FrontedRecord): void {
  const { arrival } = record;
  output.set(PROTOCOL, arrival.protocol);
  output.set(REQUEST_ID, clip(record.id));
  setPeer(output, arrival.peer, arrival.client?.address);
  const [, v6, name, port] = AUTHORITY.exec(arrival.host ?? '') ?? [];
  const host = v6 ?? name ?? '';
  if (host !== '') {
    output.set(SERVER_ADDRESS, clip(host));
    if (port !== undefined) output.set(SERVER_PORT, Number(port));
  }
  if (arrival.userAgent !== undefined) output.set(USER_AGENT, clip(arrival.userAgent));
  output.set(REQUEST_SIZE, record.requestBytes);
  output.set(RESPONSE_SIZE, record.responseBytes);
}

/** Sets where the request was sent. A socket file has no URL. */
export function setSent(output: SpanOutput, record: FrontedRecord): void {
  const { host, port, socketPath, authority } = record.arrival.app;
  output.set(PROTOCOL, record.sentProtocol);
  if (socketPath === undefined) {
    output.set(FULL, clip(`http://${authority}${record.path}`));
    output.set(SERVER_ADDRESS, host!);
    output.set(SERVER_PORT, port!);
  } else output.set(SERVER_ADDRESS, socketPath);
  if (record.sends > 1) output.set(RESENDS, record.sends - 1);
}

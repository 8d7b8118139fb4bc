/**
 * What our spans say: OpenTelemetry's names where it has them (RPC, HTTP, network, error), `inference.*` for the rest.
 *
 * Everything here is either of a closed set, a number, or a caller's string cut to MAX_TEXT_CHARS. Payloads never.
 */
import type { Attributes } from '@opentelemetry/api';
import { ERROR_TABLE, GrpcStatus, type ServingError } from '../core/errors.ts';
import type { BatchRecord, RequestOutcome, RequestRecord } from './request-record.ts';
import type { KeepReason } from './tail-keep.ts';

/** Longest caller-given text (request id, peer, error text) on a span or in a log line. */
export const MAX_TEXT_CHARS = 512;

/** From this HTTP status on it is the server's fault: OpenTelemetry's rule for a server span's status, and our logs'. */
const FIRST_SERVER_FAULT = 500;

/** `text`, cut where a caller could have made it long. */
export function clip(text: string): string {
  return text.length <= MAX_TEXT_CHARS ? text : `${text.slice(0, MAX_TEXT_CHARS - 1)}…`;
}

/** Is the server to blame? Both surfaces go by the HTTP column, so that one request looks the same on both. */
export function isServerFault(outcome: RequestOutcome): boolean {
  return outcome !== 'ok' && ERROR_TABLE[outcome].http >= FIRST_SERVER_FAULT;
}

/** Attributes of a request's server span; `kept`: why it is worth keeping, whatever the sampling. */
export function requestAttributes(record: RequestRecord, kept?: KeepReason): Attributes {
  const attributes: Attributes = record.surface === 'grpc' ? rpcAttributes(record) : httpAttributes(record);
  attributes['inference.request.id'] = clip(record.id);
  if (record.peer !== '') addPeer(attributes, clip(record.peer));
  if (record.model !== '') addModel(attributes, record);
  if (record.alternate !== undefined) {
    attributes['inference.model.requested'] = record.alternate.asked;
    attributes['inference.alternate.reason'] = record.alternate.reason;
  }
  if (record.rows > 0) attributes['inference.request.rows'] = record.rows;
  if (record.requestBytes > 0) attributes['inference.request.bytes'] = record.requestBytes;
  if (record.responseBytes > 0) attributes['inference.response.bytes'] = record.responseBytes;
  if (Number.isFinite(record.deadline)) {
    attributes['inference.deadline_ms'] = record.deadline - record.stages.startedAt;
  }
  if (record.batch !== undefined) {
    attributes['inference.batch.rows'] = record.batch.rows;
    attributes['inference.batch.size'] = record.batch.size;
  }
  if (kept !== undefined) attributes['inference.kept'] = kept;
  if (record.outcome !== 'ok') addError(attributes, record);
  return attributes;
}

/** Attributes of a batch's span. */
export function batchAttributes(record: BatchRecord): Attributes {
  const attributes: Attributes = {
    'inference.batch.tasks': record.tasks,
    'inference.batch.rows': record.rows,
    'inference.batch.size': record.size,
    'inference.batch.padding': record.size - record.rows,
    'inference.batch.dispatch_reason': record.reason,
  };
  addModel(attributes, record);
  if (record.runStart !== undefined && record.runEnd !== undefined) {
    attributes['inference.batch.run_ms'] = record.runEnd - record.runStart;
  }
  if (record.expectedMs !== undefined) attributes['inference.batch.expected_ms'] = record.expectedMs;
  if (record.outcome !== 'ok') attributes['error.type'] = record.outcome;
  if (record.isolation !== undefined) attributes['inference.batch.isolation'] = record.isolation;
  return attributes;
}

function rpcAttributes(record: RequestRecord): Attributes {
  return {
    'rpc.system': 'grpc',
    'rpc.method': record.method,
    'rpc.grpc.status_code': record.outcome === 'ok' ? GrpcStatus.OK : ERROR_TABLE[record.outcome].grpc,
  };
}

function httpAttributes(record: RequestRecord): Attributes {
  return {
    'url.scheme': 'http',
    'http.request.method': httpVerb(record.method),
    'http.response.status_code': record.outcome === 'ok' ? 200 : ERROR_TABLE[record.outcome].http,
    'inference.method': record.method,
  };
}

/** The verb that a method of ours is asked with; for what is none, OpenTelemetry's word for "some other". */
function httpVerb(method: string): string {
  if (method === 'unknown') return '_OTHER';
  return method.startsWith('Get') ? 'GET' : 'POST';
}

function addModel(attributes: Attributes, record: Pick<RequestRecord, 'model' | 'version' | 'signatureName'>): void {
  attributes['inference.model.name'] = record.model;
  if (record.version !== '') attributes['inference.model.version'] = record.version;
  if (record.signatureName !== '') attributes['inference.model.signature'] = record.signatureName;
}

/** 'host:port' or '[v6]:port' in two attributes; anything else (a socket's path) in one. */
function addPeer(attributes: Attributes, peer: string): void {
  const match = /^\[?([^\]]*)\]?:(\d{1,5})$/.exec(peer);
  attributes['network.peer.address'] = match === null ? peer : match[1]!;
  if (match !== null) attributes['network.peer.port'] = Number(match[2]);
}

function addError(attributes: Attributes, record: RequestRecord): void {
  attributes['error.type'] = record.outcome;
  attributes['inference.error.stage'] = record.stages.reached;
  addErrorFacts(attributes, record.error);
}

function addErrorFacts(attributes: Attributes, error: ServingError | undefined): void {
  if (error === undefined) return;
  attributes['inference.error.message'] = clip(error.message);
  for (const [name, value] of Object.entries(error.attributes ?? {})) attributes[`inference.error.${name}`] = value;
}

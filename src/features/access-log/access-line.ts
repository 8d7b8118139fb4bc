/**
 * Pure. The lines of the access log: one JSON object a request, in printable ASCII, so that nothing that a peer sends
 * can end a line, begin one, or steer a terminal. Texts of peers are cut. Neither queries nor other headers are in it.
 */
import { ERROR_TABLE, GrpcStatus } from '../../core/errors.ts';
import type { ForwardedRecord } from '../../ledger/forwarded-record.ts';
import type { ClientFacts, RequestRecord } from '../../ledger/request-record.ts';

/** Most characters of ids, peers, methods and the user agent. */
const MAX_SHORT_CHARS = 256;
/** Most characters of a path. */
const MAX_PATH_CHARS = 1024;

const PLAIN = /^[ !#-[\]-~]*$/;
const NOT_PRINTABLE = /[^ -~]/g;

const OK = 200;

/** The line of a request for inference. `wallAtZero`: the wall time at monotonic 0, in ms since 1970. */
export function inferenceLine(record: RequestRecord, wallAtZero: number): string {
  const { surface, trace, model, version, outcome, stages } = record;
  const row = outcome === 'ok' ? undefined : ERROR_TABLE[outcome];
  const status = surface === 'grpc' ? `,"grpc_status":${row?.grpc ?? GrpcStatus.OK}` : `,"status":${row?.http ?? OK}`;
  return (
    head(surface, stages.startedAt, wallAtZero, record.id, trace?.traceId) +
    text('peer', record.peer) +
    clientIn(record.client) +
    text('method', record.method) +
    (model === '' ? '' : text('model', model)) +
    (version === '' ? '' : text('version', version)) +
    status +
    `,"outcome":"${outcome}"` +
    sizes(record) +
    `,"ms":${rounded(stages.finishedAt - stages.startedAt)}` +
    tail(record.userAgent)
  );
}

/** The line of a request for the application. */
export function forwardedLine(record: ForwardedRecord, wallAtZero: number): string {
  const { arrival, trace, status, grpcStatus, receivedAt, headAt } = record;
  return (
    head('app', receivedAt, wallAtZero, record.id, trace?.traceId) +
    text('peer', arrival.peer) +
    clientIn(arrival.client) +
    `,"route":"${record.route}"` +
    text('method', arrival.method) +
    text('path', record.path, MAX_PATH_CHARS) +
    text('protocol', arrival.protocol) +
    (status === 0 ? '' : `,"status":${status}`) +
    (grpcStatus === undefined ? '' : `,"grpc_status":${grpcStatus}`) +
    `,"outcome":"${record.outcome}"` +
    sizes(record) +
    `,"ms":${rounded(record.endedAt - receivedAt)}` +
    (headAt === 0 ? '' : `,"head_ms":${rounded(headAt - receivedAt)}`) +
    tail(arrival.userAgent)
  );
}

function head(surface: string, at: number, wallAtZero: number, id: string, traceId: string | undefined): string {
  const time = `{"time":${Math.round(wallAtZero + at)},"surface":"${surface}"`;
  return time + text('request_id', id) + (traceId === undefined ? '' : text('trace_id', traceId));
}

/** Names the client for whom a trusted proxy asks. */
function clientIn(client: ClientFacts | undefined): string {
  if (client === undefined) return '';
  const { address, scheme } = client;
  return (address === undefined ? '' : text('client', address)) + (scheme === undefined ? '' : text('scheme', scheme));
}

function sizes({ requestBytes, responseBytes }: Pick<RequestRecord, 'requestBytes' | 'responseBytes'>): string {
  return `,"request_bytes":${requestBytes},"response_bytes":${responseBytes}`;
}

function tail(userAgent: string | undefined): string {
  return `${userAgent === undefined ? '' : text('user_agent', userAgent)}}\n`;
}

function text(name: string, value: string, most = MAX_SHORT_CHARS): string {
  const cut = value.length <= most ? value : `${value.slice(0, most - 1)}…`;
  if (PLAIN.test(cut)) return `,"${name}":"${cut}"`;
  return `,"${name}":${JSON.stringify(cut).replace(NOT_PRINTABLE, escaped)}`;
}

/** JSON leaves all but the lowest characters as they are. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

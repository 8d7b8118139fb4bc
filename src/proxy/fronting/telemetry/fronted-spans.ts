/**
 * Makes the spans of a request that went to the application, by OpenTelemetry's conventions for HTTP:
 *
 *   caller's span
 *     └─ GET                SERVER   from the head to the end
 *          └─ GET           CLIENT   from when it was sent on; the application's own span is its child
 *
 * There is no CLIENT span of a request that was not sent on. Neither the query nor any other header is told.
 */
import type { Clock } from '../../../core/clock.ts';
import { clip } from '../../../ledger/caller-text.ts';
import { SteadyWall } from '../../../ledger/steady-wall.ts';
import { AttributeKey, type SpanOutput, setPeer } from '../../../ledger/tracing/span-output.ts';
import { methodClass } from './fronted-metrics.ts';
import type { FrontedRecord } from './fronted-record.ts';

/** The lowest status that is an error of a CLIENT span; of a SERVER span it is FIRST_SERVER_FAULT. */
const FIRST_FAULT = 400;
const FIRST_SERVER_FAULT = 500;

const HTTP_PORT = 80;

const METHOD = new AttributeKey('http.request.method');
const ORIGINAL_METHOD = new AttributeKey('http.request.method_original');
const STATUS = new AttributeKey('http.response.status_code');
const RESENDS = new AttributeKey('http.request.resend_count');
const REQUEST_SIZE = new AttributeKey('http.request.body.size');
const RESPONSE_SIZE = new AttributeKey('http.response.body.size');
const PROTOCOL = new AttributeKey('network.protocol.version');
const SCHEME = new AttributeKey('url.scheme');
const PATH = new AttributeKey('url.path');
const FULL = new AttributeKey('url.full');
const SERVER_ADDRESS = new AttributeKey('server.address');
const SERVER_PORT = new AttributeKey('server.port');
const USER_AGENT = new AttributeKey('user_agent.original');
const ERROR_TYPE = new AttributeKey('error.type');
const REQUEST_ID = new AttributeKey('inference.request.id');

export class FrontedSpans {
  readonly #wall: SteadyWall;

  constructor(clock: Clock) {
    this.#wall = new SteadyWall(clock);
  }

  /** Makes none of a request that is not sampled. */
  make(record: FrontedRecord, output: SpanOutput): void {
    const { trace, sentTrace } = record;
    if (trace?.isSampled !== true) return;
    output.startAt(this.#wall.atZero());
    const method = methodClass(record.arrival.method);
    const name = method === '_OTHER' ? 'HTTP' : method;
    output.begin(trace, 'server', name, record.receivedAt, record.endedAt);
    this.#setServer(output, record, method);
    this.#end(output, record, true);
    if (sentTrace === undefined || record.sends === 0) return;
    output.begin(sentTrace, 'client', name, record.sentAt, record.endedAt);
    this.#setClient(output, record, method);
    this.#end(output, record, false);
  }

  #setServer(output: SpanOutput, record: FrontedRecord, method: string): void {
    const { arrival } = record;
    output.set(METHOD, method);
    if (method !== arrival.method) output.set(ORIGINAL_METHOD, clip(arrival.method));
    output.set(SCHEME, arrival.isTls ? 'https' : 'http');
    output.set(PATH, clip(record.path));
    output.set(PROTOCOL, arrival.protocol);
    output.set(REQUEST_ID, clip(record.id));
    setPeer(output, arrival.peer);
    if (arrival.host !== undefined) output.set(SERVER_ADDRESS, clip(hostOf(arrival.host)));
    if (arrival.userAgent !== undefined) output.set(USER_AGENT, clip(arrival.userAgent));
    output.set(REQUEST_SIZE, record.requestBytes);
    output.set(RESPONSE_SIZE, record.responseBytes);
  }

  #setClient(output: SpanOutput, record: FrontedRecord, method: string): void {
    const { app } = record.arrival;
    output.set(METHOD, method);
    output.set(PROTOCOL, record.sentProtocol);
    if (app.startsWith('http:')) {
      output.set(FULL, clip(`${app.replace(/\/$/, '')}${record.path}`));
      output.set(SERVER_ADDRESS, hostOf(app.slice('http://'.length)));
      output.set(SERVER_PORT, Number(/:(\d+)\/?$/.exec(app)?.[1] ?? HTTP_PORT));
    } else output.set(SERVER_ADDRESS, app.replace(/^unix:(\/\/)?/, ''));
    if (record.sends > 1) output.set(RESENDS, record.sends - 1);
  }

  /** Ends the begun span. */
  #end(output: SpanOutput, { status, outcome, error, headAt }: FrontedRecord, isServer: boolean): void {
    // A status in place of the application's is no answer of its own.
    const seen = isServer || headAt !== 0 ? status : 0;
    if (seen !== 0) output.set(STATUS, seen);
    const isFaulty = seen >= (isServer ? FIRST_SERVER_FAULT : FIRST_FAULT);
    const isEnded = outcome === 'ok' || outcome === 'upgraded';
    if (!isEnded) output.set(ERROR_TYPE, outcome);
    else if (isFaulty) output.set(ERROR_TYPE, String(status));
    // It is no fault of a server's that its client has left.
    if (isFaulty || outcome === 'app_cut' || (!isServer && !isEnded)) output.fail(clip(error?.message ?? ''));
    output.end();
  }
}

/** The host without the port. */
function hostOf(authority: string): string {
  return authority.replace(/:\d+\/?$|\/$/, '');
}

/**
 * The flight recorder over HTTP.
 *
 *   GET /requests[?model=NAME][&outcome=ok|failed|KIND][&since=15m]…   {requests: […]}, newest first
 *   GET /requests/ID                                                   one of them
 *   GET /requests/ID/payload              its captured payload, as a TFRecord of a PredictionLog
 *
 * The parameters are those of request-query.ts.
 *
 * Requests name their callers, so only this machine and no foreign web page may read them (access-guard.ts).
 */

import type { Refusal } from '../../admin/access-guard.ts';
import { type AdminPath, type Asked, send, sendJson } from '../../admin/admin-path.ts';
import type { Clock } from '../../core/clock.ts';
import { SteadyWall } from '../../ledger/steady-wall.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import { readRequestQuery } from './query/request-query.ts';
import { type RequestsView, requestEntry } from './requests-report.ts';

export interface RequestsEndpointOptions {
  readonly recorder: FlightRecorder;
  readonly clock: Clock;
  /** Undefined if payloads are not captured. */
  readonly payloads?: RequestsView['payloads'];
  readonly traceUrl?: RequestsView['traceUrl'];
}

export class RequestsEndpoint {
  readonly #view: RequestsView;
  readonly #clock: Clock;

  constructor({ recorder, clock, payloads, traceUrl }: RequestsEndpointOptions) {
    this.#clock = clock;
    this.#view = { recorder, wall: new SteadyWall(clock), payloads, traceUrl };
  }

  paths(): readonly AdminPath[] {
    const says = 'the last requests, the slow and the failed ones; /requests/ID is one of them';
    return [
      { method: 'GET', path: '/requests', says, answer: (asked) => this.#list(asked) },
      {
        ...{ method: 'GET', path: '/requests/ID/payload', matches: /^\/requests\/(.*)\/payload$/ },
        audited: () => ({ method: 'payload' }),
        answer: (asked) => this.#payload(asked),
      },
      { method: 'GET', path: '/requests/ID', matches: /^\/requests\/(.*)$/, answer: (asked) => this.#one(asked) },
    ];
  }

  #list({ query, response }: Asked): Refusal | undefined {
    const asked = readRequestQuery(query, this.#clock.wallMs());
    if ('status' in asked) return asked;
    const zero = this.#view.wall.atZero();
    const { since = -Infinity, until = Infinity, order, ...filter } = asked;
    const found = this.#view.recorder.list({ ...filter, since: since - zero, until: until - zero }, order);
    sendJson(response, { requests: found.map((one) => requestEntry(one, this.#view)) });
    return undefined;
  }

  #one({ match, response }: Asked): Refusal | undefined {
    const found = this.#find(match[1]!);
    if (found === undefined) return FORGOTTEN;
    sendJson(response, requestEntry(found, this.#view));
    return undefined;
  }

  #payload({ match, response }: Asked): Refusal | undefined {
    const found = this.#find(match[1]!);
    if (found === undefined) return FORGOTTEN;
    const bytes = this.#view.payloads?.read(found.sequence);
    if (bytes === undefined)
      return { status: 404, text: 'its payload was not captured; see --capture_payloads of pillion serve' };
    send(response, 'application/octet-stream', bytes);
    return undefined;
  }

  #find(encoded: string): ReturnType<FlightRecorder['open']> {
    const id = decode(encoded);
    return id === undefined ? undefined : this.#view.recorder.open(id);
  }
}

const FORGOTTEN: Refusal = {
  status: 404,
  text: 'no such request: it is not remembered any more, or its id is wrong; the last ones are at /requests',
};

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

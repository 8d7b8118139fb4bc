/**
 * The flight recorder over HTTP.
 *
 *   GET /requests[?model=NAME][&outcome=ok|KIND][&kept=slow|failed][&limit=100]   {requests: […]}, newest first
 *   GET /requests/ID                                                              one of them
 *   GET /requests/ID/payload              its captured payload, as a TFRecord of a PredictionLog
 *
 * Requests name their callers, so only this machine and no foreign web page may read them (access-guard.ts).
 */

import type { Refusal } from '../../admin/access-guard.ts';
import { type AdminPath, type Asked, send, sendJson } from '../../admin/admin-path.ts';
import type { Clock } from '../../core/clock.ts';
import { ERROR_TABLE } from '../../core/errors.ts';
import type { FlightFilter } from '../../ledger/recorder/request-snapshot.ts';
import type { KeepReason, RequestOutcome } from '../../ledger/request-record.ts';
import { SteadyWall } from '../../ledger/steady-wall.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import { type RequestsView, requestEntry } from './requests-report.ts';

export interface RequestsEndpointOptions {
  readonly recorder: FlightRecorder;
  readonly clock: Clock;
  /** Undefined if payloads are not captured. */
  readonly payloads?: RequestsView['payloads'];
  readonly traceUrl?: RequestsView['traceUrl'];
}

const DEFAULT_LIMIT = 100;
const OUTCOMES: readonly string[] = ['ok', ...Object.keys(ERROR_TABLE)];
const KEPT: readonly string[] = ['slow', 'failed'];
const PARAMETERS: readonly string[] = ['model', 'outcome', 'kept', 'limit'];

export class RequestsEndpoint {
  readonly #view: RequestsView;

  constructor({ recorder, clock, payloads, traceUrl }: RequestsEndpointOptions) {
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
    const filter = readFilter(query);
    if ('status' in filter) return filter;
    sendJson(response, { requests: this.#view.recorder.list(filter).map((one) => requestEntry(one, this.#view)) });
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

function readFilter(query: URLSearchParams): FlightFilter | Refusal {
  const wrong: string[] = [];
  for (const name of query.keys()) if (!PARAMETERS.includes(name)) wrong.push(`unknown parameter "${name}"`);
  // A form sends an empty value for a field that was left empty.
  const value = (name: string): string | undefined => query.get(name) || undefined;
  const oneOf = (name: string, known: readonly string[]): string | undefined => {
    const found = value(name);
    if (found !== undefined && !known.includes(found)) wrong.push(`${name}=${found} wants one of ${known.join(', ')}`);
    return found;
  };
  const limit = Number(value('limit') ?? DEFAULT_LIMIT);
  if (!Number.isSafeInteger(limit) || limit < 1) wrong.push(`limit=${query.get('limit')} wants a whole number from 1`);
  const filter: FlightFilter = {
    model: value('model'),
    outcome: oneOf('outcome', OUTCOMES) as RequestOutcome | undefined,
    kept: oneOf('kept', KEPT) as KeepReason | undefined,
    limit,
  };
  return wrong.length === 0 ? filter : { status: 400, text: wrong.join('; ') };
}

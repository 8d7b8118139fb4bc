/**
 * The flight recorder over HTTP.
 *
 *   GET /requests[?model=NAME][&outcome=ok|failed|KIND][&since=15m]…   {requests: […]}, newest first
 *   GET /requests/ID[?until=TIME]         one of them; with a time before the start, of an earlier run
 *   GET /requests/ID/payload              its captured payload, as a TFRecord of a PredictionLog
 *
 * The parameters are those of request-query.ts.
 *
 * Requests name their callers, so only this machine and no foreign web page may read them (access-guard.ts).
 */

import type { Refusal } from '../../admin/access-guard.ts';
import { type AdminPath, type Asked, send, sendJson } from '../../admin/admin-path.ts';
import type { RequestEntry } from '../../admin/request-entry.ts';
import type { Clock } from '../../core/clock.ts';
import { SteadyWall } from '../../ledger/steady-wall.ts';
import { type FoundRequests, orderOf } from './file/file-query.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import { readTime, TIME_FORMS } from './query/read-time.ts';
import { type RequestQuery, readRequestQuery } from './query/request-query.ts';
import { type RequestsView, requestEntry } from './requests-report.ts';

/** The file of requests, as far as it is read here. */
export interface PastRequests {
  /** When this run of the server started: ms since 1970. */
  readonly run: number;
  requests(query: RequestQuery): Promise<FoundRequests>;
}

export interface RequestsEndpointOptions {
  readonly recorder: FlightRecorder;
  readonly clock: Clock;
  /** Undefined if payloads are not captured. */
  readonly payloads?: RequestsView['payloads'];
  readonly traceUrl?: RequestsView['traceUrl'];
  /** Undefined if there is no file. */
  readonly past?: PastRequests | undefined;
}

const NOTHING: FoundRequests = { requests: [], restarts: [] };

export class RequestsEndpoint {
  readonly #view: RequestsView;
  readonly #clock: Clock;
  readonly #past: PastRequests | undefined;

  constructor({ recorder, clock, payloads, traceUrl, past }: RequestsEndpointOptions) {
    this.#clock = clock;
    this.#view = { recorder, wall: new SteadyWall(clock), payloads, traceUrl };
    this.#past = past;
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

  async #list({ query, response }: Asked): Promise<Refusal | undefined> {
    const asked = readRequestQuery(query, this.#clock.wallMs());
    if ('status' in asked) return asked;
    const past = this.#isInPast(asked) ? await this.#past!.requests(asked) : NOTHING;
    const requests = this.#joined(this.#remembered(asked), past, asked);
    sendJson(response, { requests, ...(past.restarts.length > 0 && { restarts: past.restarts }) });
    return undefined;
  }

  #remembered({ since = -Infinity, until = Infinity, order, ...filter }: RequestQuery): readonly RequestEntry[] {
    const zero = this.#view.wall.atZero();
    const found = this.#view.recorder.list({ ...filter, since: since - zero, until: until - zero }, order);
    return found.map((one) => requestEntry(one, this.#view));
  }

  /** True if there is a file, and it may have requests that are not remembered. */
  #isInPast({ since, id, traceId }: RequestQuery): boolean {
    const { recorder, wall } = this.#view;
    if (this.#past === undefined) return false;
    if (since === undefined) return id !== undefined || traceId !== undefined;
    const dropped = recorder.hour?.droppedUntil;
    return since < this.#past.run || (dropped !== undefined && since < wall.of(dropped));
  }

  #joined(remembered: readonly RequestEntry[], past: FoundRequests, asked: RequestQuery): readonly RequestEntry[] {
    if (past.requests.length === 0) return remembered;
    const { run } = this.#past!;
    const known = new Set(remembered.map(keyOf));
    const others = past.requests.filter((one) => one.run !== run || !known.has(keyOf(one.entry)));
    const all = [...remembered.map((entry) => ({ run, entry })), ...others];
    return all
      .sort(orderOf(asked))
      .slice(0, asked.limit)
      .map(({ entry }) => entry);
  }

  async #one({ match, query, response }: Asked): Promise<Refusal | undefined> {
    const id = decode(match[1]!);
    if (id === undefined) return FORGOTTEN;
    const text = query.get('until') ?? undefined;
    const until = text === undefined ? undefined : readTime(text, this.#clock.wallMs());
    if (text !== undefined && until === undefined) return { status: 400, text: `until=${text} wants ${TIME_FORMS}` };
    // Each run counts its ids from 1: one of this run would be another request.
    const isEarlier = until !== undefined && this.#past !== undefined && until <= this.#past.run;
    const found = isEarlier ? undefined : this.#view.recorder.open(id);
    const entry = found === undefined ? await this.#written(id, until) : requestEntry(found, this.#view);
    if (entry === undefined) return FORGOTTEN;
    sendJson(response, entry);
    return undefined;
  }

  /** The newest request with that id in the file that arrived before a time. */
  async #written(id: string, until: number | undefined): Promise<RequestEntry | undefined> {
    const found = await this.#past?.requests({ id, until, limit: 1, order: 'newest' });
    return found?.requests[0]?.entry;
  }

  #payload({ match, response }: Asked): Refusal | undefined {
    const id = decode(match[1]!);
    const found = id === undefined ? undefined : this.#view.recorder.open(id);
    if (found === undefined) return FORGOTTEN;
    const bytes = this.#view.payloads?.read(found.sequence);
    if (bytes === undefined)
      return { status: 404, text: 'its payload was not captured; see --capture_payloads of pillion serve' };
    send(response, 'application/octet-stream', bytes);
    return undefined;
  }
}

const FORGOTTEN: Refusal = {
  status: 404,
  text: 'no such request: it is not remembered any more, or its id is wrong; the last ones are at /requests',
};

/** Tells requests of one run apart, of which two may have the same id of a caller's. */
function keyOf({ id, duration_ms }: RequestEntry): string {
  return `${duration_ms} ${id}`;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * GET /profile?seconds=N[&model=NAME]
 *
 * Takes a profile and answers with one trace file for Perfetto or chrome://tracing (profile-document.ts). There is one
 * at a time, as a profile slows the server down. It shows ids of requests and paths of files, so only this machine and
 * no web page may ask for it.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Refusal } from '../access-guard.ts';
import type { AdminPath, Asked } from '../admin-path.ts';
import type { Profiler, ProfileSpec } from './profiler.ts';

export interface ProfileEndpointOptions {
  readonly profiler: Pick<Profiler, 'take'>;
  /** Names of the models that are configured now. */
  readonly models: () => readonly string[];
}

export const MAX_PROFILE_SECONDS = 60;
export const DEFAULT_PROFILE_SECONDS = 5;

export class ProfileEndpoint {
  readonly #options: ProfileEndpointOptions;
  /** Aborts the profile that is being taken. */
  #underWay: AbortController | undefined;
  #isDraining = false;

  constructor(options: ProfileEndpointOptions) {
    this.#options = options;
  }

  paths(): readonly AdminPath[] {
    return [
      {
        ...{ method: 'GET', path: '/profile', guard: 'doer' },
        says: 'some seconds of the server as a trace file: ?seconds=N',
        audited: ({ query }) => ({ method: 'profile', model: query.get('model') ?? undefined }),
        answer: (asked) => this.#answer(asked),
        drain: () => this.#drain(),
      },
    ];
  }

  /** Rejects with the profiler's error, before an answer is sent. */
  async #answer(asked: Asked): Promise<Refusal | undefined> {
    const { response } = asked;
    const spec = this.#admit(asked);
    if ('status' in spec) return spec;
    const ending = new AbortController();
    this.#underWay = ending;
    response.once('close', () => ending.abort());
    try {
      await send(response, await this.#options.profiler.take(spec, ending.signal));
    } catch (error) {
      if (!ending.signal.aborted) throw error;
      if (!response.headersSent)
        response.writeHead(503).end('the server is shutting down; the profile was cancelled\n');
    } finally {
      this.#underWay = undefined;
    }
    return undefined;
  }

  /** Cancels the running profile, and begins no more. */
  #drain(): void {
    this.#isDraining = true;
    this.#underWay?.abort();
  }

  #admit({ request, query }: Asked): ProfileSpec | Refusal {
    if (request.method !== 'GET') return { status: 405, text: 'a profile is taken with GET' };
    if (this.#isDraining) return { status: 503, text: 'the server is shutting down; profile another one' };
    const spec = readSpec(query);
    if ('status' in spec) return spec;
    const models = this.#options.models();
    if (spec.model !== undefined && !models.includes(spec.model)) {
      return { status: 404, text: `no model "${spec.model}" is served here; served: ${models.join(', ')}` };
    }
    if (this.#underWay !== undefined) return { status: 429, text: 'a profile is being taken; wait until it has ended' };
    return spec;
  }
}

function readSpec(query: URLSearchParams): ProfileSpec | Refusal {
  const wrong: string[] = [];
  for (const name of query.keys())
    if (name !== 'seconds' && name !== 'model') wrong.push(`unknown parameter "${name}"`);
  const text = query.get('seconds') ?? String(DEFAULT_PROFILE_SECONDS);
  const seconds = Number(text);
  if (text === '' || !Number.isInteger(seconds) || seconds < 1 || seconds > MAX_PROFILE_SECONDS) {
    wrong.push(`seconds=${text} wants a whole number from 1 to ${MAX_PROFILE_SECONDS}`);
  }
  const model = query.get('model') ?? undefined;
  return wrong.length === 0 ? { seconds, model } : { status: 400, text: wrong.join('; ') };
}

/** Writes at the reader's pace; the event loop serves requests between two pieces. */
function send(response: ServerResponse, pieces: Iterable<string>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  return pipeline(Readable.from(pieces), response);
}

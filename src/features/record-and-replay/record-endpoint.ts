/**
 * GET /record?model=NAME[&count=100][&max_bytes=N][&duration_ms=N][&sample=0.1][&with_response=true]
 *
 * Copies requests of a model while it serves them (recording.ts). They are people's data: nothing is copied without
 * this request, which must come from this machine and not from a web page (access-guard.ts).
 */

import type { Refusal } from '../../admin/access-guard.ts';
import type { AdminPath, Asked } from '../../admin/admin-path.ts';
import type { Clock } from '../../core/clock.ts';
import type { RequestSamplers } from '../../models/serving/request-samplers.ts';
import type { RecordCounters } from './record-counters.ts';
import { Recording, type RecordingSpec } from './recording.ts';

export interface RecordEndpointOptions {
  readonly clock: Clock;
  readonly samplers: RequestSamplers;
  readonly counters: RecordCounters;
  /** Names of the models that are configured now. */
  readonly models: () => readonly string[];
}

/** Limit of recordings at a time: each copies its share of the requests. */
const MAX_RECORDINGS = 4;
const DEFAULTS = { count: 100, max_bytes: 64 * 2 ** 20, duration_ms: 0 };

export class RecordEndpoint {
  readonly #options: RecordEndpointOptions;
  readonly #running = new Set<Recording>();
  #isDraining = false;

  constructor(options: RecordEndpointOptions) {
    this.#options = options;
  }

  paths(): readonly AdminPath[] {
    return [
      {
        ...{ method: 'GET', path: '/record', guard: 'doer' },
        says: "a model's requests as they are answered: ?model=NAME",
        audited: ({ query }) => ({ method: 'record', model: query.get('model') ?? undefined }),
        answer: (asked) => this.#answer(asked),
        drain: () => this.#drain(),
      },
    ];
  }

  #answer(asked: Asked): Refusal | undefined {
    const { response } = asked;
    const spec = this.#admit(asked);
    if ('status' in spec) return spec;
    const { clock, samplers, counters } = this.#options;
    const recording = new Recording(spec, response, counters.recordingOf(spec.model), () => {
      stopListening();
      timer?.cancel();
      this.#running.delete(recording);
    });
    const stopListening = samplers.add(spec.model, recording);
    const timer =
      spec.durationMs > 0
        ? clock.setTimer(clock.nowMs() + spec.durationMs, () => recording.end('duration'))
        : undefined;
    this.#running.add(recording);
    return undefined;
  }

  /** Ends the running recordings with their trailers, and begins no more. */
  #drain(): void {
    this.#isDraining = true;
    for (const recording of this.#running) recording.end('draining');
  }

  #admit({ request, query }: Asked): RecordingSpec | Refusal {
    if (this.#isDraining) return { status: 503, text: 'the server is shutting down; record from another one' };
    if (request.method !== 'GET') return { status: 405, text: 'a recording is begun with GET' };
    const spec = readSpec(query);
    if ('status' in spec) return spec;
    const models = this.#options.models();
    if (!models.includes(spec.model)) {
      return { status: 404, text: `no model "${spec.model}" is served here; served: ${models.join(', ')}` };
    }
    if (this.#running.size >= MAX_RECORDINGS) {
      return { status: 429, text: `${MAX_RECORDINGS} recordings are going on; wait until one has ended` };
    }
    return spec;
  }
}

function readSpec(query: URLSearchParams): RecordingSpec | Refusal {
  const wrong: string[] = [];
  const known = ['model', 'sample', 'with_response', ...Object.keys(DEFAULTS)];
  for (const name of query.keys()) if (!known.includes(name)) wrong.push(`unknown parameter "${name}"`);
  const whole = (name: keyof typeof DEFAULTS, least: number): number => {
    const text = query.get(name);
    const value = text === null ? DEFAULTS[name] : Number(text);
    if (!Number.isSafeInteger(value) || value < least || text === '') {
      wrong.push(`${name}=${text} wants a whole number from ${least}`);
    }
    return value;
  };
  const model = query.get('model') ?? '';
  if (model === '') wrong.push('model=NAME is missing');
  const sample = query.get('sample') ?? '1';
  const samplingRate = Number(sample);
  if (!(samplingRate > 0 && samplingRate <= 1)) wrong.push(`sample=${sample} wants a number above 0, at most 1`);
  const spec: RecordingSpec = {
    model,
    count: whole('count', 1),
    maxBytes: whole('max_bytes', 1),
    durationMs: whole('duration_ms', 0),
    samplingRate,
    wantsResponse: query.get('with_response') === 'true',
  };
  return wrong.length === 0 ? spec : { status: 400, text: wrong.join('; ') };
}

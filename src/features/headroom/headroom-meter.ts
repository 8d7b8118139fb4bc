/**
 * How much more traffic this server takes before it misses its objective, as one number for autoscalers.
 *
 *   use      the largest of: cores that runs took (as if in full batches), event loop, calls to other servers
 *   demand   use, and what the requests would have taken that were refused for overload or came too late
 *   broken   0 to 1: such requests, and those answered later than a configured objective, over MISSED_SHARE of all
 *   queue    time that the cores need for what waits ÷ the objective
 *
 *   load = max(demand + broken × (1 − demand, if positive), queue), at most MAX_LOAD        headroom = max(0, 1 − load)
 *
 * Once a second each part is measured and smoothed, with TIME_CONSTANT_MS; the load is computed from smoothed parts, so
 * that it does not matter who asks, or how often. It never falls when a part rises, is 0 without traffic and never NaN.
 *
 * - A batch counts with the time that its rows would take in a full one, as in load-meter.ts: a server with little to
 *   do is busy with single rows, and yet takes many times as much.
 * - The event loop counts as busy while its thread has work and no core: beside neighbours, or beyond a cgroup's quota.
 * - Demand is above 1 where requests are refused, by as much as is refused: autoscalers then add enough at once.
 * - A deadline that is shorter than the run alone, or over before the request came, is no load: more servers would miss
 *   it, too. Nor are a caller's own limits and failures of a model.
 */
import { type Clock, type Instant, repeat, type TimerHandle } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import type { Totals } from '../../ledger/metrics/totals.ts';
import { FULL_CORE_MS, WorkMark } from '../../ledger/metrics/work.ts';
import type { RequestRecord } from '../../ledger/request-record.ts';
import { STAGE_DECODE } from '../../ledger/stage-clock.ts';
import { envoyMark } from '../../proxy/refusal-headers.ts';

const TICK_MS = 1000;
/** The figures have 63 % of a step after this time, and 95 % after three times as long. */
export const TIME_CONSTANT_MS = 10_000;
/** An autoscaler gets no more steps at once than for this load: how much is missing beyond it is a guess. */
export const MAX_LOAD = 2;
/** The objective is missed if so many of all requests are. */
const MISSED_SHARE = 0.01;
/**
 * The objective is missed only if at least so many requests a second miss it: two in a time constant. One late request
 * on a quiet server is no overload.
 */
const MISSED_PER_S = 0.2;

/** Rates below it are those of a model that nobody asks any more, or that is not there any more. */
const FORGOTTEN = 1e-4;

/** The place of a model's runs: on cores of their own, on the event loop, or elsewhere, in so many calls at once. */
export type RunPlace = 'cores' | 'loop' | number;

/** Sources that the meter reads beside the records. */
export interface HeadroomSources {
  readonly clock: Clock;
  /** Has every record read that came before now. */
  readonly settle: () => void;
  readonly totals: Totals;
  /** Cores for runs. */
  readonly runCores: () => number;
  /** Time that they need for the requests that wait, in ms. */
  readonly waitingMs: () => number;
  /** How long the event loop had something to do since the process's start, in ms. */
  readonly loopBusyMs: () => number;
  /** How long its thread wanted a core, with the time in which it had none; undefined = the system does not say. */
  readonly loopWantedMs: () => number | undefined;
  readonly placeOf: (model: string) => RunPlace;
  /** The tightest objective, in ms. */
  readonly objectiveMs: () => number;
  /** The objective that was configured for a model, in ms. */
  readonly objectiveOf: (model: string) => number | undefined;
}

/** The answer of GET /headroom. */
export interface Headroom {
  /** 1 = idle, 0 = full. */
  readonly headroom: number;
  /** 1 − headroom up to 1; above it, what is asked for over what the server can do. */
  readonly load: number;
  /** The figure that decides the load. */
  readonly bound: 'cores' | 'event_loop' | 'calls' | 'misses' | 'queue';
  readonly cores: number;
  readonly event_loop: number;
  /** The load of the model with the most of its calls in flight, among those that run elsewhere. */
  readonly calls: number;
  /** The time for which requests wait, smoothed; above MAX_LOAD objectives it is told as MAX_LOAD of them. */
  readonly queue_ms: number;
  readonly objective_ms: number;
  readonly requests_per_s: number;
  /** Refused for overload, too late, or answered later than the configured objective. */
  readonly missed_per_s: number;
  readonly models?: readonly ModelHeadroom[];
}

/** A model's part: how much more of its own traffic fits beside that of the others. */
export interface ModelHeadroom {
  readonly model: string;
  readonly headroom: number;
  /** The model's share of the cores, or of its calls to another server. */
  readonly share: number;
  readonly requests_per_s: number;
  readonly missed_per_s: number;
}

/** Sums since the last tick, and smoothed rates. */
interface Counts {
  answered: number;
  refused: number;
  /** Answered, later than the objective. */
  slow: number;
  objectiveMs: number;
  readonly rates: { answered: number; missed: number; runs: number; broken: number };
}

export class HeadroomMeter {
  readonly #sources: HeadroomSources;
  readonly #models = new Map<string, Counts>();
  #at: Instant;
  #loopBusyMs: number;
  #loopWantedMs: number;
  #loop = 0;
  #queueMs = 0;
  #broken = 0;
  #lost = 0;
  #mark: WorkMark;
  #timer: TimerHandle | undefined;

  constructor(sources: HeadroomSources) {
    this.#sources = sources;
    this.#at = sources.clock.nowMs();
    this.#mark = new WorkMark(sources.totals.all());
    this.#loopBusyMs = sources.loopBusyMs();
    this.#loopWantedMs = sources.loopWantedMs() ?? 0;
  }

  /** Measures once a second from now on. */
  start(): void {
    this.#timer ??= repeat(this.#sources.clock, TICK_MS, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Called by the ledger (AppTelemetry.follow). */
  recordRequest({ model, error, stages }: RequestRecord): void {
    if (error === undefined) {
      const counts = this.#of(model);
      counts.answered += 1;
      // How long a client takes to send its request is its own affair.
      if (stages.finishedAt - stages.startOf(STAGE_DECODE) > counts.objectiveMs) counts.slow += 1;
    } else if (isMissed(error)) this.#of(model).refused += 1;
  }

  /** The figures of the last tick. `namesModels`: whoever gets them may know which models there are. */
  read(namesModels: boolean): Headroom {
    const { objectiveMs } = this.#sources;
    const { cores, calls, answered, missed } = this.#uses();
    const use = Math.max(cores, this.#loop, calls);
    const demand = atMost(MAX_LOAD, use + this.#lost);
    const broken = demand + this.#broken * Math.max(0, 1 - demand);
    const objective = objectiveMs();
    const queue = this.#queueMs / objective;
    const load = rounded(atMost(MAX_LOAD, Math.max(broken, queue)));
    const bounds = { cores, event_loop: this.#loop, calls } as const;
    const busiest = (Object.keys(bounds) as (keyof typeof bounds)[]).reduce((a, b) => (bounds[b] > bounds[a] ? b : a));
    return {
      headroom: rounded(Math.max(0, 1 - load)),
      load,
      bound: queue > broken ? 'queue' : broken > use ? 'misses' : busiest,
      cores: rounded(cores),
      event_loop: rounded(this.#loop),
      calls: rounded(calls),
      queue_ms: rounded(this.#queueMs),
      objective_ms: objective,
      requests_per_s: rounded(answered),
      missed_per_s: rounded(missed),
      ...(namesModels && { models: this.#modelsBeside(Math.max(cores, this.#loop)) }),
    };
  }

  #of(model: string): Counts {
    let counts = this.#models.get(model);
    if (counts === undefined) {
      const rates = { answered: 0, missed: 0, runs: 0, broken: 0 };
      const objectiveMs = this.#sources.objectiveOf(model) ?? Infinity;
      counts = { answered: 0, refused: 0, slow: 0, objectiveMs, rates };
      this.#models.set(model, counts);
    }
    return counts;
  }

  #tick(): void {
    this.#sources.settle();
    const { clock, loopBusyMs, loopWantedMs, waitingMs, objectiveMs, objectiveOf } = this.#sources;
    const ran = this.#ranSince();
    const now = clock.nowMs();
    const spanMs = Math.max(1, now - this.#at);
    const busyMs = loopBusyMs();
    const weight = 1 - Math.exp(-spanMs / TIME_CONSTANT_MS);
    const smooth = (before: number, value: number): number => before + weight * (value - before);
    const wantedMs = loopWantedMs() ?? 0;
    const loopMs = Math.max(0, busyMs - this.#loopBusyMs, wantedMs - this.#loopWantedMs);
    this.#loopWantedMs = wantedMs;
    this.#loop = smooth(this.#loop, atMost(1, loopMs / spanMs));
    this.#queueMs = smooth(this.#queueMs, atMost(MAX_LOAD * objectiveMs(), waitingMs()));
    let [refused, missed] = [0, 0];
    for (const [model, counts] of this.#models) {
      const { rates } = counts;
      const missedOfModel = (1000 * (counts.refused + counts.slow)) / spanMs;
      refused += (1000 * counts.refused) / spanMs;
      missed += missedOfModel;
      rates.answered = smooth(rates.answered, (1000 * counts.answered) / spanMs);
      rates.missed = smooth(rates.missed, missedOfModel);
      rates.runs = smooth(rates.runs, (ran.get(model) ?? 0) / spanMs);
      rates.broken = atMost(1, smooth(rates.broken, missedOfModel / enough(rates)));
      Object.assign(counts, { answered: 0, refused: 0, slow: 0 });
      counts.objectiveMs = objectiveOf(model) ?? Infinity;
      if (Math.max(rates.answered, rates.missed, rates.runs) < FORGOTTEN) this.#models.delete(model);
    }
    const all = this.#uses();
    this.#broken = atMost(1, smooth(this.#broken, missed / enough(all)));
    const use = Math.max(all.cores, this.#loop, all.calls);
    this.#lost = smooth(this.#lost, use === 0 ? 0 : atMost(MAX_LOAD, (refused * use) / all.answered || 0));
    this.#at = now;
    this.#loopBusyMs = busyMs;
  }

  /** Core time of each model's batches since the last tick, in ms. */
  #ranSince(): ReadonlyMap<string, number> {
    const { totals } = this.#sources;
    const ran = new Map<string, number>();
    for (const signature of totals.all()) {
      const { model } = signature.labels;
      const ms = this.#mark.since(signature)[FULL_CORE_MS]!;
      if (ms > 0) ran.set(model, (ran.get(model) ?? 0) + ms);
    }
    for (const model of ran.keys()) this.#of(model);
    this.#mark = new WorkMark(totals.all());
    return ran;
  }

  /** Rates of all models, shares of the cores, and of the calls of the model that has the most of its own in flight. */
  #uses(): { readonly cores: number; readonly calls: number; readonly answered: number; readonly missed: number } {
    let [cores, calls, answered, missed] = [0, 0, 0, 0];
    for (const [model, { rates }] of this.#models) {
      answered += rates.answered;
      missed += rates.missed;
      const place = this.#sources.placeOf(model);
      if (place === 'cores') cores += rates.runs / this.#sources.runCores();
      else if (place !== 'loop') calls = Math.max(calls, rates.runs / place);
    }
    return { cores, calls, answered, missed };
  }

  /** `busy`: the share of the cores or the event loop that all models take. */
  #modelsBeside(busy: number): readonly ModelHeadroom[] {
    const { placeOf, runCores } = this.#sources;
    const listed: ModelHeadroom[] = [];
    for (const [model, { rates }] of this.#models) {
      if (model === '') continue;
      const place = placeOf(model);
      const isElsewhere = typeof place === 'number';
      const share = isElsewhere ? rates.runs / place : rates.runs / (place === 'loop' ? 1 : runCores());
      const free = Math.max(0, 1 - (isElsewhere ? share : busy));
      const more = free === 0 ? 0 : free / (share + free);
      listed.push({
        model,
        headroom: rounded(more * (1 - rates.broken)),
        share: rounded(share),
        requests_per_s: rounded(rates.answered),
        missed_per_s: rounded(rates.missed),
      });
    }
    return listed.sort((a, b) => a.headroom - b.headroom);
  }
}

/** So many missed requests a second miss the objective of all. */
function enough({ answered, missed }: { readonly answered: number; readonly missed: number }): number {
  return Math.max(MISSED_PER_S, MISSED_SHARE * (answered + missed));
}

/** Stages of which a deadline may run out because this server has too much to do. */
const OWN_STAGES: ReadonlySet<unknown> = new Set(['queue', 'batch', 'execute', 'split', 'encode']);

/** One more server like this one might have answered it in time. Refusals by another server have no reason. */
function isMissed(error: ServingError): boolean {
  const { kind, attributes } = error;
  if (kind === 'deadline_exceeded') return OWN_STAGES.has(attributes?.['stage']);
  return envoyMark(error) === 'x-envoy-overloaded' && attributes?.['reason'] !== undefined;
}

function atMost(most: number, value: number): number {
  return Math.min(most, value);
}

/** Two digits: what is less is noise of the event loop. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/**
 * How loaded this server is: the figures of its load reports (load-report.ts), of the last one to two seconds.
 *
 *   totals since the start ──┬── now
 *        previous │ current ─┘        figures = now − previous; the marks move on when `current` is TURN_MS old
 *
 * Only additions are made between reports, one for each request. A client that asks rarely gets the mean
 * since it asked.
 *
 * - Utilization is that of the scarcest resource: the cores, by how long batches ran; the event loop; or the runs at
 *   once of a model that takes no cores, as another server runs it. A batch counts with the time that its rows would
 *   take in a full batch, by the learned run times: a server with little to do runs its rows nearly one by one, is busy
 *   all the time, and could take many times as much. So utilization grows in step with the requests, and requests ÷
 *   utilization is the server's capacity, by which balancers weigh servers. Waiting work comes on top: above 1 the
 *   server is behind.
 * - Balancers take 0 for "unknown" and give such a server the average. So no figure is 0: a server that does next to
 *   nothing reports LEAST_UTILIZATION, and as many requests as it would answer at that, by what they cost of late.
 *   Before the first answer that is unknown, and then there are no figures: the average is right.
 * - Requests are those that ran a model; errors those that the server refused or failed. A refusal counts as no
 *   request: else a server that refuses fast would look like one that can do much.
 */
import type { Clock, Instant } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import type { Totals } from '../../ledger/metrics/totals.ts';
import { APART_MS, FULL_CORE_MS, WorkMark } from '../../ledger/metrics/work.ts';
import type { RequestRecord } from '../../ledger/request-record.ts';
import { envoyMark } from '../../proxy/refusal-headers.ts';

/** Balancers weigh anew once a second. Shorter spans have too few requests. */
const TURN_MS = 1000;
/** A report is given again for so long. */
const REPORT_AGE_MS = 100;
export const LEAST_UTILIZATION = 0.01;
const LEAST_NAMED = 0.001;
/** Work that waits for so long counts as a whole server. */
const QUEUE_HORIZON_MS = 1000;
/** Utilization per request a second: a million of them at full use. Bounds what a first, immeasurable one may claim. */
const LEAST_COST = 1e-6;
/** The weight of a turn's cost per request in the mean. */
const COST_WEIGHT = 0.2;
/** Report at most so many models, the busiest: a report has to fit into a header. */
const MOST_MODELS = 16;

/** Sources that the meter reads beside the records. Times since the process's start, in ms. */
export interface LoadSources {
  readonly clock: Clock;
  /** Has every record read that came before now. */
  readonly settle: () => void;
  readonly totals: Totals;
  /** Cores for runs. */
  readonly runCores: () => number;
  /** Time that they need for the requests that wait. */
  readonly waitingMs: () => number;
  /** How long the event loop had something to do. */
  readonly loopBusyMs: () => number;
  /** CPU time of the process. */
  readonly cpuMs: () => number;
  /** Cores that the process may use. */
  readonly budgetCores: () => number;
}

/** The figures of a load report. Shares may exceed 1. None is 0, but for `eps`. */
export interface LoadFigures {
  readonly utilization: number;
  readonly cpu: number;
  /** Requests answered a second. */
  readonly rps: number;
  /** Requests refused or failed a second. */
  readonly eps: number;
  /** How long waiting requests keep the cores busy, in ms. */
  readonly queueMs: number;
  /**
   * Shares by model, as in `utilization`: of the cores, or of the runs that a model elsewhere may have at once. Only
   * the busiest models are there, in the order in which they were first used.
   */
  readonly models: ReadonlyMap<string, number>;
}

/** The state of the counts at an instant. */
interface Mark {
  readonly at: Instant;
  readonly served: number;
  readonly failed: number;
  readonly loopBusyMs: number;
  readonly cpuMs: number;
  readonly work: WorkMark;
}

export class LoadMeter {
  readonly #sources: LoadSources;
  #served = 0;
  #failed = 0;
  #previous: Mark;
  #current: Mark;
  #figuresAt: Instant = 0;
  #figures: LoadFigures | undefined;
  /** Utilization ÷ requests a second, of late; 0 = not measured yet. */
  #cost = 0;

  constructor(sources: LoadSources) {
    this.#sources = sources;
    this.#current = this.#mark();
    this.#previous = this.#current;
  }

  /** Called by the ledger (AppTelemetry.follow). */
  recordRequest({ error }: RequestRecord): void {
    if (error === undefined) this.#served += 1;
    else if (isServersFault(error)) this.#failed += 1;
  }

  /** The same object for a moment; undefined before the first request was answered. */
  figures(): LoadFigures | undefined {
    const now = this.#sources.clock.nowMs();
    if (this.#figures !== undefined && now - this.#figuresAt < REPORT_AGE_MS) return this.#figures;
    this.#sources.settle();
    if (this.#served === 0) return undefined;
    const turns = now - this.#current.at >= TURN_MS;
    const mark = this.#mark();
    this.#figuresAt = mark.at;
    if (turns) {
      this.#previous = this.#current;
      this.#current = mark;
    }
    this.#figures = this.#since(this.#previous, mark, turns);
    return this.#figures;
  }

  #mark(): Mark {
    const { clock, loopBusyMs, cpuMs, totals } = this.#sources;
    const counts = { served: this.#served, failed: this.#failed, work: new WorkMark(totals.all()) };
    return { ...counts, at: clock.nowMs(), loopBusyMs: loopBusyMs(), cpuMs: cpuMs() };
  }

  #since(from: Mark, to: Mark, turns: boolean): LoadFigures {
    const { runCores, waitingMs, budgetCores, totals } = this.#sources;
    const spanMs = Math.max(1, to.at - from.at);
    const { ofCores, apart } = sharesSince(from.work, totals, spanMs, runCores());
    const cores = [...ofCores.values()].reduce((sum, share) => sum + share, 0);
    const loop = (to.loopBusyMs - from.loopBusyMs) / spanMs;
    const busy = Math.max(cores, loop, ...apart.values());
    const served = (1000 * (to.served - from.served)) / spanMs;
    const queueMs = waitingMs();
    return {
      ...this.#weighed(busy, served, queueMs / QUEUE_HORIZON_MS, turns),
      cpu: Math.max(LEAST_UTILIZATION, (to.cpuMs - from.cpuMs) / (spanMs * budgetCores())),
      eps: (1000 * (to.failed - from.failed)) / spanMs,
      queueMs: Math.max(LEAST_NAMED, queueMs),
      models: busiest([...ofCores, ...apart]),
    };
  }

  /** Utilization and requests: their ratio stays where there is next to nothing to measure. */
  #weighed(busy: number, served: number, queue: number, turns: boolean): Pick<LoadFigures, 'utilization' | 'rps'> {
    if (served > 0 && (turns || this.#cost === 0)) {
      const cost = Math.max(LEAST_COST, busy / served);
      this.#cost = this.#cost === 0 ? cost : this.#cost + COST_WEIGHT * (cost - this.#cost);
    }
    if (served > 0 && busy >= LEAST_UTILIZATION) return { utilization: busy + queue, rps: served };
    const utilization = Math.max(LEAST_UTILIZATION, busy + queue);
    return { utilization, rps: LEAST_UTILIZATION / this.#cost };
  }
}

/** The share that each model has taken since `mark`: of the cores, or of the runs that it may have at once elsewhere. */
function sharesSince(mark: WorkMark, totals: Totals, spanMs: number, cores: number) {
  const ofCores = new Map<string, number>();
  const apart = new Map<string, number>();
  for (const signature of totals.all()) {
    if (signature.work[FULL_CORE_MS] === 0) continue;
    const { model } = signature.labels;
    const work = mark.since(signature);
    const apartMs = work[APART_MS]!;
    const share = apartMs > 0 ? apartMs / spanMs : work[FULL_CORE_MS]! / (spanMs * cores);
    const shares = apartMs > 0 ? apart : ofCores;
    shares.set(model, (shares.get(model) ?? 0) + share);
  }
  return { ofCores, apart };
}

/** The server refused or failed what another one might have answered. */
function isServersFault(error: ServingError): boolean {
  const mark = envoyMark(error);
  if (mark !== undefined) return mark === 'x-envoy-overloaded';
  return error.row.http >= 500 && error.kind !== 'unsupported';
}

function busiest(shares: readonly [string, number][]): ReadonlyMap<string, number> {
  const least =
    shares.length <= MOST_MODELS ? 0 : shares.map(([, share]) => share).sort((a, b) => b - a)[MOST_MODELS - 1]!;
  const kept = shares.filter(([, share]) => share >= least).slice(0, MOST_MODELS);
  return new Map(kept.map(([model, share]) => [model, Math.max(LEAST_NAMED, share)]));
}

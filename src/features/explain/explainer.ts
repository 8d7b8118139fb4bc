/**
 * Explains versions: which bound holds now, and how far forecasts were off. The last 10 to 20 s count for the bound,
 * the last one or two minutes for the forecasts.
 */

import type { Bound, Explain, ForecastReport } from '../../admin/explanation.ts';
import type { Clock } from '../../core/clock.ts';
import type { SessionPlan } from '../../core/executor.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { boundOf } from './bound.ts';
import type { RecentView, RecentWork } from './recent-work.ts';
import type { RecentForecasts } from './version-work.ts';

export interface ExplainerOptions {
  readonly clock: Clock;
  readonly recent: Pick<RecentWork, 'view' | 'forecastsOf'>;
  readonly servables: () => Iterable<Servable>;
  /** The model's configured objective in ms; undefined = none. */
  readonly sloMsOf: (model: string) => number | undefined;
  /** Cores that runs may take now, over all models. */
  readonly runCores: () => number;
  /** Cores of the whole server. */
  readonly cores: number;
  readonly isBatching: boolean;
}

export class Explainer {
  readonly #options: ExplainerOptions;

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  /** A look at all versions as they are now: the explanations of one look go together. */
  look(): Explain {
    const { clock, recent } = this.#options;
    const now = clock.nowMs();
    const view = recent.view(now);
    const busyCores = view === undefined ? 0 : this.#busyCores(view);
    return (servable) => {
      const bound = view && this.#bound(servable, view, busyCores);
      const forecasts = recent.forecastsOf(servable.name, servable.version.toString(), now);
      return { ...(bound && { bound }), ...(forecasts && { forecast: forecastReport(forecasts) }) };
    };
  }

  /** Cores that runs took, over all versions whose runs take any. */
  #busyCores({ spanMs, versionOf }: RecentView): number {
    let coreMs = 0;
    for (const { name, version, findings } of this.#options.servables()) {
      if (findings.host?.kind !== 'inline') coreMs += versionOf(name, version.toString())?.coreMs ?? 0;
    }
    return coreMs / spanMs;
  }

  #bound(servable: Servable, view: RecentView, busyCores: number): Bound | undefined {
    const { runCores, cores, isBatching, sloMsOf } = this.#options;
    const { name, version, runner, signatures, findings } = servable;
    const counts = view.versionOf(name, version.toString());
    if (counts === undefined) return undefined;
    const { sessions, threads } = largestPlan(findings.host?.sessions);
    const sessionCores = sessions * threads;
    const axis = signatures.get(counts.signature)?.batchAxis.kind;
    return boundOf({
      ...counts,
      seconds: view.spanMs / 1000,
      unnamedRefusals: view.versionOf('', '')?.refusals ?? {},
      runCores: runCores(),
      busyShare: Math.min(1, busyCores / runCores()),
      sessions,
      sessionCores,
      sessionShare: Math.min(1, counts.coreMs / (view.spanMs * sessionCores)),
      growthRefusal: findings.host?.growthRefusal,
      isInline: findings.host?.kind === 'inline',
      loopShare: view.loopShare,
      cores,
      sloMs: sloMsOf(name),
      curve: runner.latencyEstimates?.().get(counts.signature) ?? [],
      canBatchMore: isBatching && axis === 'dynamic',
    });
  }
}

/** The plan that takes most cores at once. One of the plans is in use at a time, so it is what the version can take. */
function largestPlan(plans: readonly SessionPlan[] = []): SessionPlan {
  const cores = (plan: SessionPlan): number => plan.sessions * plan.threads;
  const one = { sessions: 1, threads: 1 };
  return plans.reduce((most, plan) => (cores(plan) > cores(most) ? plan : most), one);
}

function forecastReport({ admitted, lateShare, forecasts, errorMs }: RecentForecasts): ForecastReport {
  const [p50, p90, p99, last] = errorMs.map(micros);
  const hasErrors = p50 !== undefined && p90 !== undefined && p99 !== undefined && last !== undefined;
  return {
    admitted,
    late_share: lateShare,
    forecasts,
    ...(hasErrors && { error_ms: { p50, p90, p99, p99_5: last } }),
  };
}

/** Rounds ms to microseconds. */
function micros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

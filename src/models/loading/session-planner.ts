/**
 * Chooses the threads of a version's runs while it loads (backends/host/sessions), and keeps the choice for later starts.
 *
 *   known from an earlier start?  ──yes──▶ its session takes over ──▶ warm-up and sweep on it
 *            │ no
 *            ▼
 *   warm-up and sweep on one thread ──▶ measure the plans at the cheapest size ──▶ several threads? another sweep, on them
 *
 * It is not measured where it would tell little: for models whose largest batch takes less than SHORT_RUN_MS, and for
 * inputs with free dims beside the batch, which a synthetic batch makes as small as it can.
 */
import type { HostPlan, ThreadPlan } from '../../backends/host/sessions/host-plan.ts';
import { efficientRows, type SizeTime, timeAt } from '../../backends/host/sessions/thread-plan.ts';
import { syntheticBatch } from '../../backends/synthetic-batch.ts';
import type { Clock } from '../../core/clock.ts';
import { toServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signatures } from '../../core/signature.ts';
import type { LatencyModel } from '../../scheduler/latency/latency-model.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';
import { mediansOf } from '../runtimes/relative-cost.ts';
import { hasFreeDims, type LatencySeed, pauseAfter, sweepBatchSizes } from '../warm-up/batch-sweep.ts';
import type { KeptLatency } from './latency-store.ts';

export interface SessionPlannerOptions {
  /** Undefined: the threads are fixed. */
  readonly plan: HostPlan | undefined;
  readonly executor: Executor;
  /** Those that are served. */
  readonly signatures: Signatures;
  readonly scheduler: Pick<SchedulerOptions, 'maxBatchSize' | 'allowedBatchSizes'>;
  readonly clock: Clock;
  /** Versions are warmed up before they are served. */
  readonly isWarmedUp: boolean;
  /** Other versions are being served: the measurement leaves cores to them, and is not kept. */
  readonly isGentle: boolean;
}

/** Shorter runs gain nothing from several threads that they would not lose by the wait for them. In ms. */
const SHORT_RUN_MS = 1;

export class SessionPlanner {
  readonly #options: SessionPlannerOptions;
  readonly #seeds = new Map<number, readonly LatencySeed[]>();
  #chosen: ThreadPlan | undefined;

  constructor(options: SessionPlannerOptions) {
    this.#options = options;
  }

  /** Before the warm-up: puts the plan of an earlier start in place. Never rejects. */
  async adopt(kept: KeptLatency): Promise<void> {
    const { plan } = this.#options;
    const known = plan?.isOpen === true ? kept.planFor(plan.cores) : undefined;
    if (known !== undefined && (await plan!.adopt(known))) this.#chosen = known;
  }

  /**
   * After the warm-up: measures, unless the plan is known. `seeds` are the sweep's; empty = there was none. Resolves
   * with those of the threads that runs have now. Never rejects.
   */
  async choose(seeds: readonly LatencySeed[], kept: KeptLatency): Promise<readonly LatencySeed[]> {
    const { plan, executor, isWarmedUp } = this.#options;
    this.#seeds.set(executor.threads ?? 1, seeds);
    if (plan?.isOpen !== true || this.#chosen !== undefined) return seeds;
    if (!isWarmedUp) plan.explain('not measured: versions are not warmed up');
    else if ((await this.#measure(plan, seeds, kept)) > 1) {
      const { seeds: own } = await this.#sweep();
      this.#seeds.set(executor.threads ?? 1, own);
      return own;
    }
    return seeds;
  }

  /** Teaches what was measured, for each number of threads. */
  seed(latency: LatencyModel): void {
    for (const [threads, seeds] of this.#seeds) {
      latency.use(threads);
      latency.seed(
        seeds.flatMap(({ signatureName, rows, runMs }) =>
          runMs.map((ms) => ({ signature: signatureName, rows, runMs: ms })),
        ),
      );
    }
    latency.use(this.#options.executor.threads ?? 1);
  }

  /** Resolves with the number of threads. */
  async #measure(plan: HostPlan, swept: readonly LatencySeed[], kept: KeptLatency): Promise<number> {
    const { signatures, scheduler, isGentle, clock } = this.#options;
    // After the replay of a warm-up file there was no sweep.
    const seeds = swept.length > 0 ? swept : (await this.#sweep()).seeds;
    this.#seeds.set(1, seeds);
    const oneThread = timesOf(seeds, signatures);
    const slowest = slowestOf(oneThread);
    if (slowest === undefined) {
      plan.explain('not measured: its inputs have free dims beside the batch, or no synthetic batch ran');
      return 1;
    }
    const { name, times, ms } = slowest;
    if (ms < SHORT_RUN_MS) {
      plan.explain(`not measured: its largest batch takes ${Number(ms.toPrecision(2))} ms, under ${SHORT_RUN_MS} ms`);
      return 1;
    }
    const rows = efficientRows(times);
    const signature = signatures.get(name)!;
    try {
      const { plan: chosen, isDisturbed } = await plan.measure(
        {
          rows,
          runMs: timeAt(times, rows)!,
          sizes: signature.batchAxis.kind === 'dynamic' ? scheduler.allowedBatchSizes : [rows],
          batchOf: (size) => syntheticBatch(name, signature, size),
          ...(isGentle && { pause: (tookMs) => pauseAfter(clock, tookMs) }),
        },
        oneThread,
      );
      this.#chosen = chosen;
      if (!isGentle && !isDisturbed) kept.keepPlan(plan.cores, chosen);
      return chosen.threads;
    } catch (error) {
      plan.explain(`not measured: ${toServingError(error).message}`);
      return 1;
    }
  }

  /** Another stack's file gets the plan, too. */
  keep(kept: KeptLatency): void {
    const { plan, isGentle } = this.#options;
    if (plan !== undefined && this.#chosen !== undefined && !isGentle) kept.keepPlan(plan.cores, this.#chosen);
  }

  #sweep(): ReturnType<typeof sweepBatchSizes> {
    const { executor, signatures, scheduler, clock, isGentle } = this.#options;
    return sweepBatchSizes({ ...scheduler, executor, signatures, clock, isGentle });
  }
}

/** The median run times of the signatures that synthetic batches stand for, ascending by rows. */
function timesOf(seeds: readonly LatencySeed[], signatures: Signatures): Readonly<Record<string, readonly SizeTime[]>> {
  const times: Record<string, SizeTime[]> = {};
  for (const { signature: name, rows, ms } of mediansOf(seeds)) {
    const signature = signatures.get(name);
    if (signature !== undefined && !hasFreeDims(signature)) (times[name] ??= []).push({ rows, ms });
  }
  return times;
}

/** The signature whose largest batch takes longest. */
function slowestOf(
  times: Readonly<Record<string, readonly SizeTime[]>>,
): { readonly name: string; readonly times: readonly SizeTime[]; readonly ms: number } | undefined {
  const all = Object.entries(times).map(([name, own]) => ({ name, times: own, ms: own.at(-1)!.ms }));
  return all.reduce<(typeof all)[number] | undefined>(
    (most, each) => (most && most.ms >= each.ms ? most : each),
    undefined,
  );
}

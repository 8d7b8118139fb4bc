/**
 * Says before a step that the steps left cannot be done in time, however fast each is: then none of them runs. A step's
 * own version judges its own run and queue; only here is it known what comes after it.
 *
 *   image ─▶ detect 20 ms ─▶ read 30 ms ─▶ text        detect with 40 ms left: refused, though it would be done itself
 *                   └──────▶ count 1 ms                the longest way to an output counts
 *
 * A run counts as its version's fastest mean, so that no request is refused that might be done. As estimates learn from
 * runs alone, a request is let through whenever none has been for a while.
 */
import type { Instant } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { TaskContext } from '../../scheduler/task.ts';
import type { PlannedStep } from './ensemble-plan.ts';

const PROBE_SILENCE_MS = 1000;

export class PathForecast {
  readonly #leastMs: (step: PlannedStep, now: Instant) => number;
  readonly #followers: ReadonlyMap<PlannedStep, readonly PlannedStep[]>;
  #admittedAt: Instant = -Infinity;

  /** `leastMs`: how long a run of the step takes at least; 0 if it is not known. */
  constructor(steps: readonly PlannedStep[], leastMs: (step: PlannedStep, now: Instant) => number) {
    this.#leastMs = leastMs;
    this.#followers = new Map(steps.map((step) => [step, steps.filter((each) => takesOf(each, step))]));
  }

  /** True for a request that is to run whatever is expected. Call it once for each, before its first step. */
  isProbe({ deadline, hasOwnDeadline }: TaskContext, now: Instant): boolean {
    const isProbe = deadline === Infinity || hasOwnDeadline === false || now - this.#admittedAt > PROBE_SILENCE_MS;
    if (isProbe) this.#admittedAt = now;
    return isProbe;
  }

  /** Throws `deadline_exceeded`. `needed`: the steps that the request runs. */
  check(step: PlannedStep, needed: ReadonlySet<PlannedStep>, { deadline }: TaskContext, now: Instant): void {
    const leftMs = deadline - now;
    const needMs = this.#pathMs(step, needed, now);
    if (needMs <= leftMs) {
      this.#admittedAt = now;
      return;
    }
    throw new ServingError(
      'deadline_exceeded',
      `${show(leftMs)} of the deadline are left, and this step and those after it take about ${show(needMs)}; ` +
        'send a longer deadline',
      { attributes: { stage: 'admit', reason: 'deadline_too_short', expected_ms: needMs } },
    );
  }

  /** The longest way from the step on. */
  #pathMs(step: PlannedStep, needed: ReadonlySet<PlannedStep>, now: Instant): number {
    const paths = new Map<PlannedStep, number>();
    // Each step stands behind those whose outputs it takes.
    for (const each of [...this.#followers.keys()].reverse()) {
      if (!needed.has(each)) continue;
      const after = this.#followers.get(each)!.map((next) => paths.get(next) ?? 0);
      paths.set(each, this.#leastMs(each, now) + Math.max(0, ...after));
      if (each === step) break;
    }
    return paths.get(step)!;
  }
}

function takesOf(step: PlannedStep, from: PlannedStep): boolean {
  const given = new Set(from.outputs.values());
  return [...step.inputs.values()].some((name) => given.has(name));
}

function show(ms: number): string {
  return `${Math.max(0, ms).toFixed(1)} ms`;
}

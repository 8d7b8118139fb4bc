/**
 * What scales a Deployment by the JSON of its pods, with the arithmetic of the real ones:
 *
 *   KEDA, trigger metrics-api   asks every ready endpoint, takes the number at `valueLocation`, leaves out those that
 *   (aggregateFromKube…)        did not answer, and gives their mean
 *   HPA, metric type Value      wanted = ceil(pods · mean ÷ target), or the same if that ratio is within a tenth of 1; to
 *                               fewer pods only as far as the most that was wanted within the stabilization window
 */
import { setTimeout as pause } from 'node:timers/promises';

/** HPA's --horizontal-pod-autoscaler-tolerance. */
const TOLERANCE = 0.1;

export interface ScalingRule {
  /** Of each pod; the number is at `valueLocation` of its JSON. */
  readonly path: string;
  readonly valueLocation: string;
  readonly target: number;
  readonly min: number;
  readonly max: number;
  readonly stabilizationMs: number;
}

/** What one look found, and what follows from it. */
export interface Look {
  readonly values: readonly number[];
  readonly mean: number;
  readonly wanted: number;
}

export class Autoscaler {
  readonly #rule: ScalingRule;
  readonly #recent: { readonly at: number; readonly wanted: number }[] = [];

  constructor(rule: ScalingRule) {
    this.#rule = rule;
  }

  /** Asks the pods ("http://host:port" each). Throws if none of them answers. */
  async look(pods: readonly string[]): Promise<Look> {
    const { path, valueLocation } = this.#rule;
    const asked = await Promise.allSettled(pods.map((pod) => readNumber(`${pod}${path}`, valueLocation)));
    const values = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (values.length === 0) throw new Error('no pod told its load');
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { values, mean, wanted: this.#wanted(pods.length, mean, performance.now()) };
  }

  #wanted(pods: number, mean: number, now: number): number {
    const { target, min, max, stabilizationMs } = this.#rule;
    const ratio = mean / target;
    const raw = Math.abs(ratio - 1) <= TOLERANCE ? pods : Math.ceil(pods * ratio);
    this.#recent.push({ at: now, wanted: Math.min(max, Math.max(min, raw)) });
    while (this.#recent[0]!.at < now - stabilizationMs) this.#recent.shift();
    const most = Math.max(...this.#recent.map(({ wanted }) => wanted));
    return Math.max(this.#recent.at(-1)!.wanted, Math.min(pods, most));
  }
}

/** A pod whose answer is no number at that place counts as one that did not answer. */
async function readNumber(url: string, location: string): Promise<number> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(3000) });
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  const found = location
    .split('.')
    .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], await answer.json());
  if (typeof found !== 'number') throw new Error(`${url} has no number at ${location}`);
  return found;
}

/** Calls at `perSecond(seconds since the start)` without waiting for answers, until that is undefined. */
export async function openLoop(perSecond: (at: number) => number | undefined, call: () => void): Promise<void> {
  const start = performance.now();
  let before = start;
  let due = 0;
  for (;;) {
    await pause(10);
    const now = performance.now();
    const rate = perSecond((now - start) / 1000);
    if (rate === undefined) return;
    due += (rate * (now - before)) / 1000;
    before = now;
    for (; due >= 1; due -= 1) call();
  }
}

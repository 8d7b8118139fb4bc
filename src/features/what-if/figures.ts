/** How a window's requests fared, measured or simulated. */

export interface WindowFigures {
  /** Requests, without those that their client gave up. */
  readonly requests: number;
  /** Share that was answered within the deadline, without one within the objective; without both, answered at all. */
  readonly inTime: number;
  readonly refused: number;
  /** Milliseconds of the answers; NaN without answers. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Undefined: not known. */
  readonly coresUsed: number | undefined;
}

export type Fate = 'answered' | 'refused' | 'late' | 'failed' | 'cancelled';

export class FigureCounts {
  #requests = 0;
  #inTime = 0;
  #refused = 0;
  readonly #tookMs: number[] = [];

  /** `limitMs`: its deadline or objective, Infinity for neither. */
  add(fate: Fate, tookMs: number, limitMs: number): void {
    if (fate === 'cancelled') return;
    this.#requests += 1;
    if (fate === 'refused') this.#refused += 1;
    if (fate !== 'answered') return;
    this.#tookMs.push(tookMs);
    if (tookMs <= limitMs) this.#inTime += 1;
  }

  end(coresUsed: number | undefined): WindowFigures {
    const sorted = Float64Array.from(this.#tookMs).sort();
    return {
      requests: this.#requests,
      inTime: this.#inTime / this.#requests,
      refused: this.#refused / this.#requests,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      coresUsed,
    };
  }
}

/** The smallest value that at least `share` of all are not above (nearest rank). NaN of none. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)] ?? Number.NaN;
}

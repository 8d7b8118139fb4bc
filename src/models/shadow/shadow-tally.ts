/** What a shadow has found since it loaded: for GET /models. */
import type { OutputDifference } from '../runtimes/output-difference.ts';
import type { LeftOut, ShadowComparison } from './shadow.ts';

/** Of all batches that were compared. */
export interface OutputTally {
  readonly output: string;
  /** Elements beyond the tolerance, or not equal. */
  readonly mismatches: number;
  /** The largest there was; undefined of what is no float. */
  readonly absolute: number | undefined;
  readonly relative: number | undefined;
}

export class ShadowTally {
  compared = 0;
  /** Batches with an element that is not the same. */
  different = 0;
  readonly leftOut: Record<LeftOut, number> = { busy: 0, too_large: 0, failed: 0 };
  readonly #outputs = new Map<string, OutputTally>();
  #ratios = 0;
  #logSum = 0;

  /** Geometric mean of the ratios of run times; undefined while there is none. */
  get latencyRatio(): number | undefined {
    return this.#ratios === 0 ? undefined : Math.exp(this.#logSum / this.#ratios);
  }

  /** By output; those of one name of several signatures together. */
  get outputs(): readonly OutputTally[] {
    return [...this.#outputs.values()];
  }

  add({ differences, latencyRatio }: ShadowComparison): void {
    this.compared += 1;
    if (isDifferent(differences)) this.different += 1;
    if (latencyRatio !== undefined) {
      this.#ratios += 1;
      this.#logSum += Math.log(latencyRatio);
    }
    for (const { output, mismatches, absolute, relative } of differences) {
      const before = this.#outputs.get(output);
      this.#outputs.set(output, {
        output,
        mismatches: (before?.mismatches ?? 0) + mismatches,
        absolute: larger(before?.absolute, absolute),
        relative: larger(before?.relative, relative),
      });
    }
  }
}

/** Is any element beyond the tolerance? */
export function isDifferent(differences: readonly OutputDifference[]): boolean {
  return differences.some(({ mismatches }) => mismatches > 0);
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : Math.max(a, b ?? a);
}

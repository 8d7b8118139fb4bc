/** The results of a shadow since it loaded, for GET /models. */
import type { OutputDifference } from './output-difference.ts';
import type { LeftOut, ShadowComparison } from './shadow.ts';

/** The differences of one output over all compared batches. */
export interface OutputTally {
  readonly output: string;
  /** The number of elements that were not equal or beyond the tolerance. */
  readonly mismatches: number;
  /** The largest difference; undefined if the output is no float. */
  readonly absolute: number | undefined;
  readonly relative: number | undefined;
}

export class ShadowTally {
  compared = 0;
  /** The number of batches with a mismatch. */
  different = 0;
  readonly leftOut: Record<LeftOut, number> = { busy: 0, too_large: 0, failed: 0 };
  readonly #outputs = new Map<string, OutputTally>();
  #ratios = 0;
  #logSum = 0;

  /** The geometric mean of the ratios of run times; undefined while there is none. */
  get latencyRatio(): number | undefined {
    return this.#ratios === 0 ? undefined : Math.exp(this.#logSum / this.#ratios);
  }

  /** One entry for each name of an output, over all signatures. */
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

/** True if an element is not equal or beyond the tolerance. */
export function isDifferent(differences: readonly OutputDifference[]): boolean {
  return differences.some(({ mismatches }) => mismatches > 0);
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : Math.max(a, b ?? a);
}

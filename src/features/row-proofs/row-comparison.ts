/** Compares the outputs of rows, by the magnitudes that the outputs of some rows had when each was run alone. */
import type { TensorMap } from '../../core/tensor.ts';
import { type Magnitudes, magnitudesOf, rowDifference } from './row-difference.ts';

/** The first output that differs, and by how much: see row-difference.ts. */
export interface OutputDifference {
  readonly name: string;
  readonly relative: number;
}

/** Below this difference its text mentions quantization. */
const SMALL_DIFFERENCE = 0.1;

export class RowComparison {
  readonly #alone: readonly TensorMap[];
  readonly #magnitudes = new Map<string, Magnitudes>();

  /** The outputs of at least one row. */
  constructor(alone: readonly TensorMap[]) {
    this.#alone = alone;
    for (const [name, { data }] of alone[0]!) {
      // A row whose output has another shape cannot share a run: the company shows it.
      const rows = alone.map((outputs) => outputs.get(name)!).filter((tensor) => tensor.data.length === data.length);
      this.#magnitudes.set(name, magnitudesOf(rows));
    }
  }

  /** Undefined if the outputs are the same within the rounding. */
  difference(wanted: TensorMap, found: TensorMap): OutputDifference | undefined {
    for (const [name, tensor] of wanted) {
      const relative = rowDifference(tensor, found.get(name)!, this.#magnitudes.get(name));
      if (relative > 0) return { name, relative };
    }
    return undefined;
  }

  /** The outputs that differ between two of the rows. */
  varied(): readonly string[] {
    const [first, ...others] = this.#alone;
    return [...first!.keys()].filter((name) => {
      const [wanted, magnitudes] = [first!.get(name)!, this.#magnitudes.get(name)];
      return others.some((outputs) => rowDifference(wanted, outputs.get(name)!, magnitudes) > 0);
    });
  }
}

/** `rows` shared the run. */
export function differenceText({ name, relative }: OutputDifference, rows: number): string {
  const together = `when ${rows} rows share the run`;
  if (!(relative < SMALL_DIFFERENCE)) return `output "${name}" of a row is another ${together}`;
  const percent = Number((100 * relative).toPrecision(2));
  return `output "${name}" of a row differs by ${percent} % ${together}, as if the rows shared a quantization scale`;
}

/**
 * Proves by runs that padding does not change answers: each row alone is compared with the same row padded to a longer
 * length, its outputs cut back.
 *
 *     alone      r │ s │ …                     rows of several lengths
 *     padded     r·· │ r·· s·· t t             by itself, and in a run with rows that are as long
 *
 * Rows are random, or those of recorded requests. Short ones are also tried with all values on one side of the padding
 * (one-sided-rows.ts). A mask says that all of a row counts, or its first half. The comparison is strict
 * (row-difference.ts), because the graph says nothing of padding: the runs are the only proof.
 */
import { elementCount } from '../../core/shape.ts';
import { type LengthPadding, lengthOf, type Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { tensorBy } from '../../models/warm-up/random-rows.ts';
import { cutRows, lengthMisfitOf, padRows } from '../../scheduler/batch/pad-rows.ts';
import { oneSidedRow, type Side } from './one-sided-rows.ts';
import { MAX_ROW_BYTES } from './probe-frames.ts';
import type { ProbeLayout, ProbeRow } from './probe-layout.ts';
import { ProofRuns, type RowsProof, refusalText, rethrowStop } from './proof-runs.ts';
import type { ProofOptions } from './prove-rows.ts';
import { paddingDifference } from './row-difference.ts';

export interface PaddingProofOptions extends Pick<ProofOptions, 'run' | 'recorded' | 'seed'> {
  /** Its batch axis is proved, or declared. */
  readonly signature: Signature;
  /** The candidate. */
  readonly padding: LengthPadding;
}

/** Lengths of random rows, in the order in which they are tried: apart, and neither all even nor all powers of two. */
const LENGTHS = [5, 16, 11, 8, 2, 3, 24, 32, 64, 128, 1] as const;
const WANTED_LENGTHS = 4;
/** Lengths of rows in which hardly a value is further out than the padding. */
const SHORT_LENGTHS = [1, 2] as const;
const SIDES = ['any', 'below', 'above'] as const;
const MOST_RECORDED = 4;
/** Steps by which recorded rows are made longer. */
const FURTHER = [1, 7] as const;
const DEFAULT_SEED = 21;
const MASK = /mask/i;

/** A row with its outputs when it is run alone. */
interface Probe {
  readonly row: ProbeRow;
  readonly length: number;
  readonly alone: TensorMap;
}

/** Rejects only with ProofEnded. */
export function provePadding(options: PaddingProofOptions): Promise<RowsProof> {
  const runs = new ProofRuns({ ...options, seed: options.seed ?? DEFAULT_SEED });
  return runs.outcomeOf(() => new PaddingProof(options, runs).prove());
}

class PaddingProof {
  readonly #options: PaddingProofOptions;
  readonly #runs: ProofRuns;
  readonly #layout: ProbeLayout;
  /** The model accepts integers below this. */
  #integersBelow = 0;

  constructor(options: PaddingProofOptions, runs: ProofRuns) {
    this.#options = options;
    this.#runs = runs;
    this.#layout = runs.layout;
  }

  async prove(): Promise<RowsProof> {
    const recorded = await this.#recordedProbes();
    const groups = await this.#randomProbes(recorded[0]?.row);
    for (const { alone, length } of [...recorded, ...groups.flat()]) {
      const misfit = this.#misfitOf(alone, length);
      if (misfit !== undefined) return this.#runs.end('rejected', misfit);
    }
    if (groups.length < 2) {
      const why = this.#runs.refusal === '' ? '' : `: ${this.#runs.refusal}`;
      return this.#runs.end(
        'undecided',
        `the model takes random rows of ${groups.length} of the lengths that were tried${why}`,
      );
    }
    return (
      (await this.#compareRandom(groups)) ??
      (await this.#compareShort(groups)) ??
      (await this.#compareRecorded(recorded)) ??
      this.#accepted()
    );
  }

  #accepted(): RowsProof {
    const constant = [...this.#options.signature.outputs.keys()].find((name) => !this.#runs.varied.has(name));
    if (constant === undefined) return this.#runs.end('accepted', `${this.#runs.count} runs`);
    return this.#runs.end('undecided', `output "${constant}" was the same for all inputs that were tried`);
  }

  /** Each shorter length by itself, and in the company of each longer one. */
  async #compareRandom(groups: readonly (readonly Probe[])[]): Promise<RowsProof | undefined> {
    for (const short of groups) {
      for (const long of groups) {
        const { length } = long[0]!;
        if (short[0]!.length >= length) continue;
        const alone = await this.#compare(short.slice(0, 1), length);
        const problem = alone ?? (await this.#compare([short[0]!, long[0]!, short[1]!], length));
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  }

  /** Rows that the model refuses are left out. */
  async #compareShort(groups: readonly (readonly Probe[])[]): Promise<RowsProof | undefined> {
    const longest = Math.max(...groups.map(([probe]) => probe!.length));
    for (const length of SHORT_LENGTHS) {
      for (const side of SIDES) {
        const [row] = await this.#randomRows(1, length);
        const probes = await this.#probe(side === 'any' ? row! : this.#oneSided(row!, side));
        for (const { alone } of probes) {
          const misfit = this.#misfitOf(alone, length);
          if (misfit !== undefined) return this.#runs.end('rejected', misfit);
        }
        const problem = probes.length === 0 ? undefined : await this.#compare(probes, longest);
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  }

  #oneSided(row: ProbeRow, side: Side): ProbeRow {
    const values = { integersBelow: this.#integersBelow, random: this.#runs.random };
    return oneSidedRow(row, this.#options.padding, side, values);
  }

  /** A model may refuse rows that are longer than those that were recorded. */
  async #compareRecorded(probes: readonly Probe[]): Promise<RowsProof | undefined> {
    for (const probe of probes) {
      for (const more of [...FURTHER, probe.length]) {
        const problem = await this.#compare([probe], probe.length + more, true);
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  }

  /** Compares each row alone with the same row in a run in which all have that length. */
  async #compare(probes: readonly Probe[], length: number, mayRefuse = false): Promise<RowsProof | undefined> {
    const members = probes.slice(0, this.#layout.fixedRows ?? probes.length);
    const { padding } = this.#options;
    const shares = members.map(({ row }) => ({ rows: 1, inputs: row }));
    const rows = padRows(shares, { padding, length }).map(({ inputs }) => inputs);
    let outputs: TensorMap;
    try {
      outputs = await this.#runs.run(rows);
    } catch (error) {
      rethrowStop(error);
      return mayRefuse
        ? undefined
        : this.#runs.end('undecided', `the model refuses padded rows: ${refusalText(error)}`);
    }
    for (const [i, probe] of members.entries()) {
      const row = this.#layout.outputRow(outputs, i);
      const misfit = this.#misfitOf(row, length);
      if (misfit !== undefined) return this.#runs.end('rejected', misfit);
      const [name] = differing(probe.alone, cutRows(row, padding, probe.length));
      if (name !== undefined) return this.#runs.end('rejected', differenceText(name, probe.length, length));
    }
    return undefined;
  }

  #misfitOf(outputs: TensorMap, length: number): string | undefined {
    const { padding, signature } = this.#options;
    return lengthMisfitOf(outputs, [...signature.outputs.keys()], { padding, length });
  }

  /** Two rows for each length that the model takes. */
  async #randomProbes(recorded: ProbeRow | undefined): Promise<readonly (readonly Probe[])[]> {
    const [frame] = await this.#runs.frames(recorded);
    const groups: Probe[][] = [];
    for (const length of LENGTHS) {
      if (frame === undefined || groups.length === WANTED_LENGTHS) break;
      if (this.#layout.rowBytes(this.#layout.shapesOf(() => length)) > MAX_ROW_BYTES) continue;
      this.#integersBelow = frame.integersBelow;
      const rows = await this.#randomRows(2, length);
      const probes: Probe[] = [];
      for (const row of rows) probes.push(...(await this.#probe(row)));
      if (probes.length < rows.length) continue;
      for (const name of differing(probes[0]!.alone, probes[1]!.alone)) this.#runs.varied.add(name);
      groups.push(probes);
    }
    return groups;
  }

  /** Their masks count all of the first one, and the first half of each other. */
  async #randomRows(count: number, length: number): Promise<readonly ProbeRow[]> {
    const shapes = this.#layout.shapesOf(() => length);
    const range = { floats: 'signed', integersBelow: this.#integersBelow } as const;
    const rows = await this.#layout.randomRows(count, shapes, range, this.#runs.random);
    return rows.map((row, i) => this.#withMask(row, i === 0));
  }

  async #recordedProbes(): Promise<readonly Probe[]> {
    const rows = (this.#options.recorded ?? []).flatMap((request) => this.#layout.rowsOf(request)?.slice(0, 1) ?? []);
    const probes: Probe[] = [];
    for (const row of rows) {
      if (probes.length === MOST_RECORDED) break;
      if (lengthOf(this.#options.padding, row) > 0) probes.push(...(await this.#probe(row)));
    }
    return probes;
  }

  /** All of a row counts, or its first half: a row without anything that counts has no answer that could stay the same. */
  #withMask(row: ProbeRow, isWhole: boolean): ProbeRow {
    const masked = new Map(row);
    for (const name of this.#options.padding.inputs.keys()) {
      const { dtype, shape } = row.get(name)!;
      if (!MASK.test(name) || dtype === 'string') continue;
      const half = Math.ceil(elementCount(shape) / 2);
      masked.set(
        name,
        tensorBy(dtype, shape, (i) => (isWhole || i < half ? 1 : 0)),
      );
    }
    return masked;
  }

  /** Empty if the model refuses the row. */
  async #probe(row: ProbeRow): Promise<readonly Probe[]> {
    const outputs = await this.#runs.alone(row);
    if (outputs === undefined) return [];
    return [{ row, length: lengthOf(this.#options.padding, row), alone: this.#layout.outputRow(outputs, 0) }];
  }
}

/** The names of the outputs that differ. */
function differing(wanted: TensorMap, found: TensorMap): readonly string[] {
  return [...wanted].filter(([name, tensor]) => paddingDifference(tensor, found.get(name)!) > 0).map(([name]) => name);
}

function differenceText(output: string, from: number, to: number): string {
  const when = from === to ? 'beside rows that are padded' : `when it is padded to length ${to}`;
  return `output "${output}" of a row of length ${from} changes ${when}`;
}

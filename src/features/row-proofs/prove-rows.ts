/**
 * Tries by runs whether the rows of a signature reach each other's outputs: each row alone is compared with the same row
 * in company.
 *
 *     alone      r0 │ r1 │ r2 │ …                    each row has a run of its own (`fixed`: a run of its copies)
 *     company    r0 r1 │ r1 r2 r3 │ r4 r3 r2 r1 r0    of several sizes, in several orders, at each position
 *     outliers   r0 R1 r2, R1 = 1000 × r1 …          its neighbours must not see it: OUTLIERS
 *
 * Rows are random, or those of recorded requests. A run proves something only if outputs depend on inputs. The
 * model may refuse some values: then others are tried. Runs prove nothing of values that no probe has, and ops may look at
 * those (docs/adr/0028): where the graph can be read, it must agree.
 */
import { setImmediate } from 'node:timers/promises';
import { numbersOf } from '../../core/close-numbers.ts';
import { byteLengthOfAll, type Tensor, type TensorMap } from '../../core/tensor.ts';
import { MAX_TRIAL_BYTES } from '../../core/trial-inputs.ts';
import {
  FLOAT_RANGES,
  FURTHER_RANGES,
  INTEGER_RANGES,
  largestIntegers,
  scaled,
  WIDE_INTEGER_RANGES,
} from '../../models/warm-up/random-rows.ts';
import type { ProbeFrame } from './probe-frames.ts';
import { BYTES_IN_ONE_TURN, haveSameShapes, type ProbeLayout, type ProbeRow, type RowShapes } from './probe-layout.ts';
import { ProofRuns, type ProofRunsOptions, type RowsProof, refusalText, rethrowStop } from './proof-runs.ts';
import { differenceText, RowComparison } from './row-comparison.ts';

/** The batch axis of `signature` is the candidate. */
export interface ProofOptions extends Pick<ProofRunsOptions, 'signature' | 'run'> {
  /** Most rows in one run, at present. */
  readonly maxRows: () => number;
  /** Inputs of recorded requests for this signature. */
  readonly recorded?: readonly TensorMap[];
  /** Nothing else proves the axis, so every output must depend on the inputs. Else one of them must. */
  readonly isOnlyProof: boolean;
  /** How many ranges of values are tried, at present: at most 4, which is the default. */
  readonly rounds?: () => number;
  readonly seed?: number;
}

/** Batch sizes that every dynamic axis must allow. */
const SIZES = [2, 3, 5, 8] as const;
const ROWS_OF_FIRST_ROUND = 8;
const ROWS = 5;
/** A run has so many rows even where fewer fit into MAX_TRIAL_BYTES: of two, one is the first and the other the last. */
const LEAST_ROWS = 3;
/** Rows of extreme values: how they are made of a row, and what they are called. */
const OUTLIERS = [
  { factor: 1000, what: 'large numbers' },
  { factor: 1e9, what: 'large numbers' },
  { factor: Number.NaN, what: 'NaN' },
  { factor: undefined, what: 'the largest integers' },
] as const;
const DEFAULT_SEED = 20;

/** Rejects only with ProofEnded. */
export function proveRows(options: ProofOptions): Promise<RowsProof> {
  const runs = new ProofRuns({ ...options, seed: options.seed ?? DEFAULT_SEED });
  return runs.outcomeOf(() => new Proof(options, runs).prove());
}

/** A row with its outputs when it is run alone. */
interface Probe {
  readonly row: ProbeRow;
  readonly alone: TensorMap;
}

class Proof {
  readonly #options: ProofOptions;
  readonly #runs: ProofRuns;
  readonly #layout: ProbeLayout;

  constructor(options: ProofOptions, runs: ProofRuns) {
    this.#options = options;
    this.#runs = runs;
    this.#layout = runs.layout;
  }

  async prove(): Promise<RowsProof> {
    const recorded = this.#recordedRows();
    const frames = await this.#runs.frames(recorded[0], this.#integerRanges);
    if (frames.length === 0 && recorded.length === 0) {
      return this.#runs.end('undecided', this.#runs.whyNoFrame());
    }
    const problem = (await this.#round(recorded, true)) ?? (await this.#rounds(frames)) ?? this.#whyNoProof();
    return problem ?? this.#runs.end('accepted', `${this.#runs.count} runs`);
  }

  get #integerRanges(): readonly number[] {
    return this.#options.isOnlyProof ? INTEGER_RANGES : [...INTEGER_RANGES, ...WIDE_INTEGER_RANGES];
  }

  async #rounds(frames: readonly ProbeFrame[]): Promise<RowsProof | undefined> {
    if (this.#layout.fixedRows === 1) return this.#cutEach(frames);
    for (const [i, floats] of [...FLOAT_RANGES, ...FURTHER_RANGES].entries()) {
      const isFurther = i >= FLOAT_RANGES.length;
      if (isFurther ? this.#constantOutput() === undefined : i >= (this.#options.rounds?.() ?? Infinity)) continue;
      const frame = frames[i % frames.length];
      if (frame === undefined) return undefined;
      const { shapes, integersBelow } = frame;
      const count = Math.min(i === 0 || isFurther ? ROWS_OF_FIRST_ROUND : ROWS, this.#mostRows(shapes));
      const rows = await this.#layout.randomRows(count, shapes, { floats, integersBelow }, this.#runs.random);
      const problem = await this.#round(rows, i === 0);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  /** Runs of one row mix nothing, but each must give one row. */
  async #cutEach(frames: readonly ProbeFrame[]): Promise<RowsProof | undefined> {
    for (const { shapes, integersBelow } of frames) {
      const rows = await this.#layout.randomRows(2, shapes, { floats: 'signed', integersBelow }, this.#runs.random);
      const problem = await this.#round(rows, false);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  async #round(rows: readonly ProbeRow[], isFirst: boolean): Promise<RowsProof | undefined> {
    const probes: Probe[] = [];
    for (const row of rows) {
      const outputs = await this.#runs.alone(row);
      if (outputs === undefined) continue;
      const uncut = this.#layout.whyUncut(outputs, this.#layout.fixedRows ?? 1);
      if (uncut !== undefined) return this.#runs.end('rejected', uncut);
      probes.push({ row, alone: this.#layout.outputRow(outputs, 0) });
    }
    const first = probes[0];
    if (first === undefined) return undefined;
    const comparison = new RowComparison(probes.map(({ alone }) => alone));
    for (const name of comparison.varied()) this.#runs.varied.add(name);
    const again = await this.#runs.alone(first.row);
    const differing = again && comparison.difference(first.alone, this.#layout.outputRow(again, 0));
    if (differing !== undefined)
      return this.#runs.end('rejected', `output "${differing.name}" of one row is another each time`);
    if (this.#layout.fixedRows === 1 || probes.length < 2) return undefined;
    for (const order of this.#orders(probes, isFirst)) {
      const problem = await this.#company(
        order.map((i) => probes[i]!),
        comparison,
      );
      if (problem !== undefined) return problem;
    }
    return isFirst ? this.#outliers(probes, comparison) : undefined;
  }

  /** The rows of each run in company, as indices of probes. */
  #orders({ length, 0: probe }: readonly Probe[], isFirst: boolean): readonly (readonly number[])[] {
    const { fixedRows } = this.#layout;
    const from = (start: number, size: number): number[] =>
      Array.from({ length: size }, (_, i) => (start + i) % length);
    const positions = from(0, isFirst ? Math.min(length, ROWS) : 2);
    if (fixedRows !== undefined) {
      return [...positions.map((start) => from(start, fixedRows)), from(0, fixedRows).reverse()];
    }
    const most = this.#mostRows(shapesOf(probe!.row));
    const sizes: number[] = SIZES.slice(0, isFirst ? SIZES.length : 3).filter((size) => size <= most);
    const largest = Math.min(this.#options.maxRows(), most);
    if (isFirst && largest > SIZES.at(-1)!) sizes.push(largest);
    return [
      ...sizes.map((size, i) => from(i, size)),
      ...(isFirst ? positions.slice(1).map((start) => from(start, Math.min(ROWS, most))) : []),
      from(0, Math.min(length, most)).reverse(),
    ];
  }

  /** The most rows in one run. */
  #mostRows(shapes: RowShapes): number {
    return Math.max(LEAST_ROWS, Math.floor(MAX_TRIAL_BYTES / this.#layout.rowBytes(shapes)));
  }

  async #company(members: readonly Probe[], comparison: RowComparison): Promise<RowsProof | undefined> {
    const count = members.length;
    let outputs: TensorMap;
    try {
      outputs = await this.#runs.run(members.map(({ row }) => row));
    } catch (error) {
      rethrowStop(error);
      return this.#runs.end('rejected', `the model refuses ${count} rows at once: ${refusalText(error)}`);
    }
    const uncut = this.#layout.whyUncut(outputs, count);
    if (uncut !== undefined) return this.#runs.end('rejected', uncut);
    for (const [i, { alone }] of members.entries()) {
      const found = comparison.difference(alone, this.#layout.outputRow(outputs, i));
      if (found !== undefined) return this.#runs.end('rejected', differenceText(found, count));
      if (byteLengthOfAll(alone) > BYTES_IN_ONE_TURN) await setImmediate();
    }
    return undefined;
  }

  /** One row of extreme values must not change its neighbours. Models may refuse such a row. */
  async #outliers(probes: readonly Probe[], comparison: RowComparison): Promise<RowsProof | undefined> {
    for (const { factor, what } of OUTLIERS) {
      // An integer may be a size if no graph was read.
      if (factor === undefined && this.#options.isOnlyProof) continue;
      const row = outlierOf(probes[0]!.row, factor);
      if (row === undefined || (await this.#runs.alone(row)) === undefined) continue;
      const count = this.#layout.fixedRows ?? Math.min(probes.length, ROWS, this.#mostRows(shapesOf(probes[0]!.row)));
      const members = Array.from({ length: count }, (_, i) => probes[i % probes.length]!);
      const rows = members.map((member, i) => (i === 1 ? row : member.row));
      const outputs = await this.#runs.run(rows).catch(rethrowStop);
      if (outputs === undefined) continue;
      for (const [i, { alone }] of members.entries()) {
        const found = i === 1 ? undefined : comparison.difference(alone, this.#layout.outputRow(outputs, i));
        if (found === undefined) continue;
        return this.#runs.end('rejected', `output "${found.name}" of a row changes when another row holds ${what}`);
      }
    }
    return undefined;
  }

  #whyNoProof(): RowsProof | undefined {
    const constant = this.#layout.fixedRows === 1 ? undefined : this.#constantOutput();
    if (constant === undefined) return undefined;
    return this.#runs.end('undecided', `output "${constant}" was the same for all inputs that were tried`);
  }

  /** An output that never differed and must; undefined if there is none. */
  #constantOutput(): string | undefined {
    const names = [...this.#options.signature.outputs.keys()];
    const constant = names.filter((name) => !this.#runs.varied.has(name));
    const isEnough = this.#options.isOnlyProof ? constant.length === 0 : constant.length < names.length;
    return isEnough ? undefined : constant[0];
  }

  /** Distinct rows of recorded requests that can share a run: the most that have one shape. */
  #recordedRows(): readonly ProbeRow[] {
    const groups: ProbeRow[][] = [];
    for (const row of (this.#options.recorded ?? []).flatMap((request) => this.#layout.rowsOf(request) ?? [])) {
      const group = groups.find(([first]) => haveSameShapes(first!, row));
      if (group === undefined) groups.push([row]);
      else if (group.length < ROWS_OF_FIRST_ROUND) group.push(row);
    }
    return groups.sort((a, b) => b.length - a.length)[0] ?? [];
  }
}

function shapesOf(row: ProbeRow): RowShapes {
  return new Map([...row].map(([name, { shape }]) => [name, shape]));
}

/** The row with its floats times `factor`, or else with the largest integers; undefined if it has no such values. */
function outlierOf(row: ProbeRow, factor: number | undefined): ProbeRow | undefined {
  let isChanged = false;
  const changed = new Map<string, Tensor>();
  for (const [name, tensor] of row) {
    const other = factor === undefined ? largestIntegers(name, tensor) : scaledTensor(tensor, factor);
    isChanged ||= other !== undefined;
    changed.set(name, other ?? tensor);
  }
  return isChanged ? changed : undefined;
}

function scaledTensor(tensor: Tensor, factor: number): Tensor | undefined {
  return tensor.dtype === 'string' ? undefined : scaled(tensor, numbersOf(tensor), factor);
}

/**
 * Proves by runs that padding does not change answers, from short rows to long ones: rows alone are compared with the
 * same rows padded to a length, their outputs cut back.
 *
 *     alone      r │ s │ t │ …                     rows of several lengths
 *     padded     r····                             by itself
 *                ttttt ssss· rr···                 in a run with a row that has that length
 *
 * What is proved holds up to the longest length that was tried, and the server pads no further. The lengths are those of
 * trial-lengths.ts. At each of them the rows are: one that has that length; one that is a single element shorter; one of
 * any length between; the last one that was tried; very short ones, also with all values on one side of the padding
 * (one-sided-rows.ts); and recorded ones. A mask says that all of a row counts, its first half, or one position.
 *
 * One answer that changes ends the proof: a model that depends on the length once is not padded at all.
 */
import { setImmediate } from 'node:timers/promises';
import type { LengthPadding, Signature } from '../../../core/signature.ts';
import { byteLengthOfAll, type TensorMap } from '../../../core/tensor.ts';
import { cutRows, lengthMisfitOf, padRows } from '../../../scheduler/batch/pad-rows.ts';
import { MAX_ROW_BYTES } from '../probe-frames.ts';
import { BYTES_IN_ONE_TURN, type ProbeLayout } from '../probe-layout.ts';
import { ProofRuns, ProofStopped, type RowsProof, refusalText, rethrowStop } from '../proof-runs.ts';
import type { ProofOptions } from '../prove-rows.ts';
import { paddingDifference, roundingOf } from '../row-difference.ts';
import { PaddingProbes, type Probe } from './padding-probes.ts';
import { trialLengths, UNASKED_LONGEST } from './trial-lengths.ts';

export interface PaddingProofOptions extends Pick<ProofOptions, 'run' | 'recorded' | 'seed'> {
  /** Its batch axis is proved, or declared. */
  readonly signature: Signature;
  /** The candidate. */
  readonly padding: LengthPadding;
  /** Lengths at which the model's arithmetic may change, ascending. */
  readonly changes: readonly number[];
  /** No row is longer. Absent = the model's own limit counts. */
  readonly longest?: number | undefined;
  /** Up to this length it was proved before. Default: 0. */
  readonly from?: number | undefined;
  /** It is proved up to this length, or a little further. Default: UNASKED_LONGEST. */
  readonly until?: number | undefined;
  /** The most rows in one run, at present; at least 2. Default: 8. */
  readonly mostRows?: (() => number) | undefined;
  /** Called with each greater length up to which it is proved. */
  readonly onProved?: ((length: number, runs: number) => void) | undefined;
}

/** The outcome. */
export interface PaddingProof extends RowsProof {
  /** The longest length that is proved; 0 unless it is accepted. */
  readonly most: number;
  /** Nothing more can be found out. */
  readonly isWhole: boolean;
}

/** A shorter proof is used only if the model takes no longer rows. */
export const LEAST_PROVED = 16;
const MOST_ROWS = 8;
/** So many lengths in a row are refused where the model takes no longer rows, and not only some lengths. */
const MOST_REFUSED = 4;
const DEFAULT_SEED = 21;

/** Rejects only with ProofEnded. */
export async function provePadding(options: PaddingProofOptions): Promise<PaddingProof> {
  const runs = new ProofRuns({ ...options, seed: options.seed ?? DEFAULT_SEED });
  return new PaddingWalk(options, runs).walk();
}

class PaddingWalk {
  readonly #options: PaddingProofOptions;
  readonly #runs: ProofRuns;
  readonly #layout: ProbeLayout;
  readonly #probes: PaddingProbes;
  /** Lengths that the model takes, ascending. */
  readonly #taken: number[] = [];
  /** The largest share by which an output of a row changed in company, without padding. */
  #rounding = 0;
  readonly #from: number;
  #most: number;

  constructor(options: PaddingProofOptions, runs: ProofRuns) {
    this.#options = options;
    this.#runs = runs;
    this.#layout = runs.layout;
    this.#probes = new PaddingProbes(options, runs);
    this.#from = options.from ?? 0;
    this.#most = this.#from;
  }

  async walk(): Promise<PaddingProof> {
    try {
      await this.#probes.begin(this.#options.recorded ?? []);
      return (await this.#tryAll()) ?? this.#whyNothing() ?? this.#accept();
    } catch (error) {
      if (error instanceof ProofStopped) return this.#stop(error.message);
      throw error;
    }
  }

  async #tryAll(): Promise<PaddingProof | undefined> {
    const { changes, longest, until = UNASKED_LONGEST } = this.#options;
    let refused: number[] = [];
    for (const length of trialLengths(changes, longest, this.#from)) {
      if ((this.#taken.at(-1) ?? this.#from) >= until) return this.#whyNothing() ?? this.#accept(false);
      if (this.#layout.rowBytes(this.#layout.shapesOf(() => length)) > MAX_ROW_BYTES) break;
      const outcome = await this.#tryAt(length);
      if (outcome !== 'refused' && outcome !== undefined) return outcome;
      refused = outcome === 'refused' ? [...refused, length] : [];
      if (refused.length >= MOST_REFUSED && this.#from + this.#taken.length > 1) break;
    }
    return refused[0] === undefined ? undefined : this.#tryLongest(refused[0]);
  }

  /** Tries the longest rows that the model takes, if it refuses those of length `refused`. */
  async #tryLongest(refused: number): Promise<PaddingProof | undefined> {
    let [taken, beyond] = [this.#taken.at(-1) ?? this.#from, refused];
    if (taken === 0) return undefined;
    while (beyond - taken > 1) {
      const middle = (taken + beyond) >> 1;
      if ((await this.#probes.probe(middle, 'whole')) === undefined) beyond = middle;
      else taken = middle;
    }
    for (const length of [taken - 1, taken]) {
      if (length <= (this.#taken.at(-1) ?? this.#from)) continue;
      const outcome = await this.#tryAt(length);
      if (outcome !== 'refused' && outcome !== undefined) return outcome;
    }
    return undefined;
  }

  /** Undefined = it changes no answer. */
  async #tryAt(length: number): Promise<PaddingProof | 'refused' | undefined> {
    const whole = await this.#probes.probe(length, 'whole');
    if (whole === undefined) return 'refused';
    this.#taken.push(length);
    const most = Math.min(this.#layout.fixedRows ?? Infinity, this.#options.mostRows?.() ?? MOST_ROWS);
    const shorter = await this.#probes.shorterThan(length);
    const misfit = [whole, ...shorter].map((probe) => this.#misfitOf(probe.alone, probe.length)).find(Boolean);
    if (misfit !== undefined) return this.#reject(misfit);
    const problem = await this.#compareAt(length, whole, shorter, most);
    if (problem !== undefined) return problem;
    this.#probes.keep(whole);
    if (length >= LEAST_PROVED && this.#whyNothing() === undefined) this.#proved(length);
    return undefined;
  }

  /** Compares one of the shorter rows by itself, and all of them beside a row that has the length, `most` in a run. */
  async #compareAt(
    length: number,
    whole: Probe,
    shorter: readonly Probe[],
    most: number,
  ): Promise<PaddingProof | undefined> {
    const [first] = shorter;
    if (first === undefined) return undefined;
    const byItself = await this.#compare([first], length);
    if (byItself !== undefined) return byItself;
    const beside = Math.max(1, most - 1);
    for (let i = 0; i < shorter.length; i += beside) {
      // A row that has the length shows how far the company alone moves an answer.
      const company = most === 1 ? shorter.slice(i, i + 1) : [whole, ...shorter.slice(i, i + beside)];
      const problem = await this.#compare(company, length);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  /** Compares each row alone with the same row in a run in which all have that length. */
  async #compare(probes: readonly Probe[], length: number): Promise<PaddingProof | undefined> {
    const { padding } = this.#options;
    const shares = probes.map(({ row }) => ({ rows: 1, inputs: row }));
    const rows = padRows(shares, { padding, length }).map(({ inputs }) => inputs);
    let outputs: TensorMap;
    try {
      outputs = await this.#runs.run(rows);
    } catch (error) {
      rethrowStop(error);
      return this.#stop(`the model refuses padded rows: ${refusalText(error)}`);
    }
    for (const [i, probe] of probes.entries()) {
      const row = this.#layout.outputRow(outputs, i);
      const misfit = this.#misfitOf(row, length);
      if (misfit !== undefined) return this.#reject(misfit);
      const problem = this.#changeOf(probe, cutRows(row, padding, probe.length), length);
      if (problem !== undefined) return this.#reject(problem);
      if (byteLengthOfAll(row) > BYTES_IN_ONE_TURN) await setImmediate();
    }
    return undefined;
  }

  #changeOf({ alone, length }: Probe, found: TensorMap, padded: number): string | undefined {
    for (const [name, wanted] of alone) {
      const other = found.get(name)!;
      if (length === padded) this.#rounding = Math.max(this.#rounding, roundingOf(wanted, other));
      if (paddingDifference(wanted, other, this.#rounding) === 0) continue;
      const when = length === padded ? 'beside rows that are padded' : `when it is padded to length ${padded}`;
      return `output "${name}" of a row of length ${length} changes ${when}`;
    }
    return undefined;
  }

  #misfitOf(outputs: TensorMap, length: number): string | undefined {
    const { padding, signature } = this.#options;
    return lengthMisfitOf(outputs, [...signature.outputs.keys()], { padding, length });
  }

  /** Why the runs prove nothing yet; undefined = they do. */
  #whyNothing(): PaddingProof | undefined {
    if (this.#from > 0) return undefined;
    if (this.#taken.length < 2) {
      const why = this.#runs.refusal === '' ? '' : `: ${this.#runs.refusal}`;
      const lengths = `${this.#taken.length} of the lengths that were tried`;
      return this.#end('undecided', `the model takes random rows of ${lengths}${why}`);
    }
    const constant = [...this.#options.signature.outputs.keys()].find((name) => !this.#runs.varied.has(name));
    if (constant === undefined) return undefined;
    return this.#end('undecided', `output "${constant}" was the same for all inputs that were tried`);
  }

  #accept(isWhole = true): PaddingProof {
    this.#proved(this.#taken.at(-1) ?? this.#from);
    return this.#end('accepted', isWhole ? this.#whyEnd() : 'longer rows have not come', isWhole);
  }

  #whyEnd(): string {
    const { longest } = this.#options;
    if (this.#most === longest) return 'no row is longer';
    return this.#runs.refusal === '' ? 'longer rows were not tried' : 'the model takes no longer rows';
  }

  #proved(length: number): void {
    if (length <= this.#most) return;
    this.#most = length;
    this.#options.onProved?.(length, this.#runs.count);
  }

  #reject(reason: string): PaddingProof {
    this.#most = 0;
    return this.#end('rejected', reason);
  }

  /** Nothing more can be tried at present. */
  #stop(reason: string): PaddingProof {
    return this.#end(this.#most > 0 ? 'accepted' : 'undecided', reason, false);
  }

  #end(kind: RowsProof['kind'], reason: string, isWhole = true): PaddingProof {
    return { ...this.#runs.end(kind, reason), most: kind === 'accepted' ? this.#most : 0, isWhole };
  }
}

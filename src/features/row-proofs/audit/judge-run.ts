/**
 * Judges a shared run: each of some rows is run alone, and a row whose answer was another is a suspect. Where there are
 * more rows than can be run alone, all are run in two halves first, which shows whom to ask. A suspect is found guilty only
 * by elimination:
 *
 *   alone once more ─ another answer ─────────────────────▶ unsteady: the model's own answers differ, nothing can be told
 *   as many copies of the row ─ differ from it alone ─┬─ a little ─▶ rounding of this batch size; more than that is needed
 *        (own length)                                 └─ much ──▶ so do copies of other rows? ─ yes ─▶ different: rows
 *   the same with its padding ─ as in the shared run ─────▶ so is it with other padded rows? ─ yes ─▶ different: padding
 *   the shared run again ─ as alone ──────────────────────▶ transient: a fault that has passed
 *   rows of its own length ─ as copies of the row ────────▶ different: padding, else rows
 *
 * An int8 model may round one step further in a batch of another size, which moves its answers by a percent and more. So
 * differences count only above four times what copies of a row have shown in the life of the version.
 */
import { setImmediate } from 'node:timers/promises';
import { byteLengthOfAll, type TensorMap } from '../../../core/tensor.ts';
import { BYTES_IN_ONE_TURN } from '../probe-layout.ts';
import { paddingDifference } from '../row-difference.ts';
import { AnswerScale, type Distance } from './answer-distance.ts';
import type { RowTrials } from './row-trials.ts';
import { type Answers, shapesText } from './shared-run.ts';

/** The fault: the rows of a run reach each other, or padding changes answers; `either` = one of the two. */
export type Fault = 'rows' | 'padding' | 'either';

/** A row whose answer in the shared run was another. */
export interface Suspect extends Distance {
  /** Rows of the run. */
  readonly size: number;
  /** The shapes of its inputs, and of those of the longest other row. */
  readonly shapes: string;
  readonly companion: string;
}

export type Verdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'different'; readonly fault: Fault; readonly suspect: Suspect }
  /** It was not seen again. `isLarge`: no rounding explains it. */
  | { readonly kind: 'transient'; readonly isLarge: boolean; readonly fault: Fault; readonly suspect: Suspect }
  | { readonly kind: 'unsteady' };

/** The largest distance of copies of a row from the row alone that one signature has shown by rounding. */
export interface OwnTolerance {
  share: number;
  /** So many rows one after another had copies that were farther than rounding. */
  deviants: number;
}

/** Copies of a row may be that far from it alone by rounding: four steps of an int8 quantization. */
export const LARGEST_ROUNDING = 4 / 127;
const OWN_FACTOR = 4;
const MOST_SUSPECTS = 4;
const MOST_WITNESSES = 6;
const ENOUGH_DEVIANTS = 6;
/** Places that are looked at among copies of a row. */
const MOST_PLACES = 64;

const SAME: Verdict = { kind: 'same' };

export class RunJudge {
  readonly #trials: RowTrials;
  readonly #own: OwnTolerance;
  readonly #alone = new Map<number, TensorMap>();
  #scale = new AnswerScale([]);

  constructor(trials: RowTrials, own: OwnTolerance) {
    this.#trials = trials;
    this.#own = own;
  }

  /**
   * Runs these rows alone, at least one. `hasHalves`: all rows are run once more in two halves, and those whose answer is
   * another there are run alone, too. Rejects as RowTrials does.
   */
  async judge(rows: readonly number[], hasHalves = false): Promise<Verdict> {
    for (const row of rows) await this.#aloneOf(row);
    this.#scale = new AnswerScale([...this.#alone.values()]);
    if (hasHalves) for (const row of await this.#movedInHalves()) await this.#aloneOf(row);
    const suspects: { readonly row: number; readonly share: number }[] = [];
    for (const [row, alone] of this.#alone) {
      const shared = this.#run.answer(row);
      if (this.#scale.differs(alone, shared)) suspects.push({ row, share: this.#scale.distance(alone, shared).share });
      // Each comparison may be of large outputs.
      await setImmediate();
    }
    suspects.sort((a, b) => b.share - a.share);
    for (const { row } of suspects.slice(0, MOST_SUSPECTS)) {
      const verdict = await this.#tryRow(row);
      if (verdict.kind !== 'same') return verdict;
    }
    return SAME;
  }

  /** The rows that are answered in another way among half of the others: the farthest ones. */
  async #movedInHalves(): Promise<readonly number[]> {
    const halves = await this.#trials.halves();
    const moved: { readonly row: number; readonly share: number }[] = [];
    let bytes = 0;
    for (let row = 0; row < this.#run.of.lengths.length; row++) {
      const [shared, half] = [this.#run.answer(row), halves(row)];
      if (this.#scale.differs(shared, half)) moved.push({ row, share: this.#scale.distance(shared, half).share });
      bytes += byteLengthOfAll(shared);
      if (bytes < BYTES_IN_ONE_TURN) continue;
      bytes = 0;
      await setImmediate();
    }
    moved.sort((a, b) => b.share - a.share);
    return moved.slice(0, MOST_SUSPECTS).map(({ row }) => row);
  }

  async #tryRow(row: number): Promise<Verdict> {
    const [alone, shared] = [this.#alone.get(row)!, this.#run.answer(row)];
    if (this.#scale.differs(alone, await this.#trials.alone(row))) return { kind: 'unsteady' };
    const distance = this.#scale.distance(alone, shared);
    const suspect = { ...distance, size: this.#run.of.size, ...this.#shapesOf(row) };
    const copies = await this.#trials.copies(row);
    if (!this.#isRounding(row, copies)) return this.#byWitnesses(row, suspect);
    if (this.#isExplained(distance)) return SAME;
    if (this.#run.of.lengths[row] !== undefined) {
      const padded = (await this.#trials.paddedCopies(row))(row);
      if (this.#agree(padded, shared)) return this.#byPaddedRows(row, suspect);
    }
    const again = await this.#trials.again();
    if ([...this.#alone].every(([each, answer]) => this.#agree(answer, again(each)))) {
      return { kind: 'transient', isLarge: isBeyondSteps(distance), fault: this.#faultOfAll, suspect };
    }
    // Copies that differ from time to time show more of what is rounding.
    const isRounding = this.#isRounding(row, await this.#trials.copies(row));
    if (isRounding && this.#isExplained(distance)) return SAME;
    return { kind: 'different', fault: await this.#faultOf(row, copies(row)), suspect };
  }

  /**
   * Copies of the row are far from the row alone. It may be a tie of two scores, or many steps of a quantization: it counts
   * if copies of other rows were so each time, over several audits if need be.
   */
  async #byWitnesses(row: number, suspect: Suspect): Promise<Verdict> {
    const own = this.#own;
    const witnesses = this.#witnessesTo(row);
    for (const witness of witnesses) {
      await this.#aloneOf(witness);
      if (this.#isRounding(witness, await this.#trials.copies(witness), row)) {
        own.deviants = 0;
        return SAME;
      }
      own.deviants += 1;
    }
    if (witnesses.length === 0) own.deviants += 1;
    if (own.deviants >= ENOUGH_DEVIANTS) return { kind: 'different', fault: 'rows', suspect };
    return isBeyondSteps(suspect) ? { kind: 'transient', isLarge: false, fault: 'rows', suspect } : SAME;
  }

  /**
   * Padding changes the answer of the row. It may be a tie of two scores, or a step of a quantization: it counts if it is
   * so in each of two other rows at least, and a large change in each.
   */
  async #byPaddedRows(row: number, suspect: Suspect): Promise<Verdict> {
    const isLarge = suspect.share > LARGEST_ROUNDING;
    const witnesses = this.#witnessesTo(row, (other) => this.#run.of.lengths[other] !== undefined);
    let changed = 0;
    for (const witness of witnesses) {
      const { share } = await this.#paddingChange(witness);
      if (share > (isLarge ? LARGEST_ROUNDING : 0)) changed += 1;
    }
    if (changed > 1 && changed === witnesses.length) return { kind: 'different', fault: 'padding', suspect };
    // There are too few to tell.
    const isOpen = witnesses.length < 2 && changed === witnesses.length;
    return isOpen && isLarge ? { kind: 'transient', isLarge, fault: 'padding', suspect } : SAME;
  }

  /** How far padding moves the answer to a row in the company of its copies; a share of 0 = no more than rounding does. */
  async #paddingChange(row: number): Promise<Distance> {
    const alone = await this.#aloneOf(row);
    const padded = (await this.#trials.paddedCopies(row))(row);
    const isChanged = [...alone].some(([name, tensor]) => paddingDifference(tensor, padded.get(name)!) > 0);
    if (!isChanged || !this.#scale.differs(alone, padded)) return { output: '', share: 0 };
    return this.#scale.distance(alone, padded);
  }

  async #aloneOf(row: number): Promise<TensorMap> {
    const known = this.#alone.get(row) ?? (await this.#trials.alone(row));
    this.#alone.set(row, known);
    return known;
  }

  /** Other rows, of other inputs. */
  #witnessesTo(row: number, isFit: (other: number) => boolean = () => true): readonly number[] {
    const own = this.#run.row(row);
    const found: number[] = [];
    for (let other = 0; other < this.#run.of.lengths.length && found.length < MOST_WITNESSES; other++) {
      if (other !== row && isFit(other) && !areEqual(own, this.#run.row(other))) found.push(other);
    }
    return found;
  }

  /**
   * Whether copies of the row, above all that at `place`, differ from the row alone by no more than rounding; then that
   * counts as such from now on.
   */
  #isRounding(row: number, copies: Answers, place = row): boolean {
    const alone = this.#alone.get(row)!;
    const { size } = this.#run.of;
    const step = Math.max(1, Math.floor(size / MOST_PLACES));
    const first = copies(place);
    let { share } = this.#scale.distance(alone, first);
    let spread = 0;
    for (let other = 0; other < size; other += step) {
      const copy = copies(other);
      share = Math.max(share, this.#scale.distance(alone, copy).share);
      spread = Math.max(spread, this.#scale.distance(first, copy).share);
    }
    // Copies that are answered alike show the size of the batch alone, others a wrong row.
    const isUniform = spread <= LARGEST_ROUNDING;
    if (isUniform ? isBeyondSteps({ share }) : share > LARGEST_ROUNDING) return false;
    this.#own.share = Math.max(this.#own.share, Math.min(share, LARGEST_ROUNDING));
    return true;
  }

  #isExplained({ share }: Distance): boolean {
    return share <= OWN_FACTOR * this.#own.share;
  }

  #agree(wanted: TensorMap, found: TensorMap): boolean {
    return !this.#scale.differs(wanted, found) || this.#isExplained(this.#scale.distance(wanted, found));
  }

  async #faultOf(row: number, copy: TensorMap): Promise<Fault> {
    if (this.#run.paddedTo === undefined) return 'rows';
    const company = await this.#trials.company(row);
    if (company === undefined) return 'either';
    return this.#agree(copy, company(row)) ? 'padding' : 'rows';
  }

  get #faultOfAll(): Fault {
    return this.#run.paddedTo === undefined ? 'rows' : 'either';
  }

  #shapesOf(row: number): Pick<Suspect, 'shapes' | 'companion'> {
    const { lengths } = this.#run.of;
    const lengthOf = (other: number): number => lengths[other] ?? Infinity;
    const others = [...lengths.keys()].filter((other) => other !== row);
    const longest = others.reduce((a, b) => (lengthOf(b) > lengthOf(a) ? b : a), others[0] ?? row);
    return { shapes: shapesText(this.#run.row(row)), companion: shapesText(this.#run.row(longest)) };
  }

  get #run() {
    return this.#trials.run;
  }
}

/** Farther than several steps of a quantization at once. */
function isBeyondSteps({ share }: Pick<Distance, 'share'>): boolean {
  return share > OWN_FACTOR * LARGEST_ROUNDING;
}

function areEqual(a: TensorMap, b: TensorMap): boolean {
  const scale = new AnswerScale([a]);
  return scale.distance(a, b).share === 0;
}

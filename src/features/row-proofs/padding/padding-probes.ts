/** Rows with which padding is tried, and their outputs when each was run alone. */
import { elementCount } from '../../../core/shape.ts';
import { type LengthPadding, lengthOf } from '../../../core/signature.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { tensorBy } from '../../../models/warm-up/random-rows.ts';
import type { ProbeLayout, ProbeRow } from '../probe-layout.ts';
import type { ProofRuns } from '../proof-runs.ts';
import { paddingDifference } from '../row-difference.ts';
import { oneSidedRow, type Side } from './one-sided-rows.ts';

/** A row with its outputs when it is run alone. */
export interface Probe {
  readonly row: ProbeRow;
  readonly length: number;
  readonly alone: TensorMap;
}

/** The part of a row that its mask counts: all, the first half, one position. A row without any has no answer. */
export type Mask = 'whole' | 'half' | 'one';

/** Lengths of rows in which hardly a value is further out than the padding. */
const SHORT_LENGTHS = [1, 2] as const;
const SIDES = ['any', 'below', 'above'] as const;
const MOST_RECORDED = 4;
/** A recorded row is padded to so many lengths. */
const RECORDED_USES = 3;
/** Up to this length all of the short rows are tried, beyond it two of them at each length. */
const MOST_WITH_ALL_SHORT = 33;
const SHORT_AT_ONCE = 2;
/** Up to this length there are two rows of each length, which show whether outputs depend on the inputs. */
const MOST_TWICE = 17;
const MASK = /mask/i;

export class PaddingProbes {
  readonly #padding: LengthPadding;
  readonly #runs: ProofRuns;
  readonly #layout: ProbeLayout;
  /** The model accepts integers below this; undefined = it has refused all rows. */
  #integersBelow: number | undefined;
  /** The last row that was proved. */
  #last: Probe | undefined;
  readonly #short: Probe[] = [];
  #nextShort = 0;
  #recorded: readonly { readonly probe: Probe; uses: number }[] = [];

  constructor({ padding }: { readonly padding: LengthPadding }, runs: ProofRuns) {
    this.#padding = padding;
    this.#runs = runs;
    this.#layout = runs.layout;
  }

  /** `recorded`: the inputs of recorded requests. */
  async begin(recorded: readonly TensorMap[]): Promise<void> {
    const rows = recorded.flatMap((request) => this.#layout.rowsOf(request)?.slice(0, 1) ?? []);
    const probes: Probe[] = [];
    for (const row of rows) {
      if (probes.length === MOST_RECORDED) break;
      if (lengthOf(this.#padding, row) > 0) probes.push(...(await this.#probe(row)));
    }
    this.#recorded = probes.map((probe) => ({ probe, uses: 0 }));
    const [frame] = await this.#runs.frames(probes[0]?.row);
    this.#integersBelow = frame?.integersBelow;
  }

  /** A random row of that length; undefined = the model refuses it. */
  async probe(length: number, mask: Mask): Promise<Probe | undefined> {
    if (this.#integersBelow === undefined) return undefined;
    const [probe] = await this.#probe(this.#withMask((await this.#randomRow(length))!, mask));
    return probe;
  }

  /** Padding was tried with it: the rows that are tried next are compared beside it. */
  keep(whole: Probe): void {
    this.#last = whole;
  }

  /** Rows to be padded to `length`, the one to be tried by itself first. Rows that the model refuses are left out. */
  async shorterThan(length: number): Promise<readonly Probe[]> {
    const probes: Probe[] = [];
    const add = async (own: number, mask: Mask): Promise<void> => {
      const probe = own < 1 ? undefined : await this.probe(own, mask);
      if (probe !== undefined) probes.push(probe);
    };
    await this.#seeWhatVaries(length);
    if (this.#last !== undefined && this.#last.length < length) probes.push(this.#last);
    await add(length - 1, 'half');
    if (length > 2) await add(1 + Math.floor(this.#runs.random() * (length - 2)), 'one');
    return [...probes, ...(await this.#shortFor(length)), ...this.#recordedFor(length)];
  }

  /** Two rows of one length tell which outputs depend on the inputs. */
  async #seeWhatVaries(length: number): Promise<void> {
    if (length > MOST_TWICE) return;
    const [a, b] = [await this.probe(length, 'whole'), await this.probe(length, 'half')];
    if (a === undefined || b === undefined) return;
    for (const [name, tensor] of a.alone) {
      if (paddingDifference(tensor, b.alone.get(name)!) > 0) this.#runs.varied.add(name);
    }
  }

  async #shortFor(length: number): Promise<readonly Probe[]> {
    if (this.#short.length === 0) await this.#makeShort();
    const fitting = this.#short.filter((probe) => probe.length < length);
    if (length <= MOST_WITH_ALL_SHORT) return fitting;
    const from = this.#nextShort;
    this.#nextShort += SHORT_AT_ONCE;
    return fitting.map((_, i) => fitting[(from + i) % fitting.length]!).slice(0, SHORT_AT_ONCE);
  }

  async #makeShort(): Promise<void> {
    for (const length of SHORT_LENGTHS) {
      for (const side of SIDES) {
        const row = await this.#randomRow(length);
        this.#short.push(...(await this.#probe(side === 'any' ? row : this.#oneSided(row, side))));
      }
    }
  }

  #recordedFor(length: number): readonly Probe[] {
    const fitting = this.#recorded.filter(({ probe, uses }) => probe.length < length && uses < RECORDED_USES);
    for (const each of fitting) each.uses += 1;
    return fitting.map(({ probe }) => probe);
  }

  #oneSided(row: ProbeRow, side: Side): ProbeRow {
    return oneSidedRow(row, this.#padding, side, { integersBelow: this.#integersBelow!, random: this.#runs.random });
  }

  /** The model has accepted some row. Its mask counts all of it. */
  async #randomRow(length: number): Promise<ProbeRow> {
    const shapes = this.#layout.shapesOf(() => length);
    const range = { floats: 'signed', integersBelow: this.#integersBelow! } as const;
    const [row] = await this.#layout.randomRows(1, shapes, range, this.#runs.random);
    return this.#withMask(row!, 'whole');
  }

  #withMask(row: ProbeRow, mask: Mask): ProbeRow {
    const masked = new Map(row);
    const position = this.#runs.random();
    for (const name of this.#padding.inputs.keys()) {
      const { dtype, shape } = row.get(name)!;
      if (!MASK.test(name) || dtype === 'string') continue;
      const count = elementCount(shape);
      const [from, to] = countedPart(mask, count, position);
      masked.set(
        name,
        tensorBy(dtype, shape, (i) => (i >= from && i < to ? 1 : 0)),
      );
    }
    return masked;
  }

  /** Empty if the model refuses the row. */
  async #probe(row: ProbeRow): Promise<readonly Probe[]> {
    const outputs = await this.#runs.alone(row);
    if (outputs === undefined) return [];
    return [{ row, length: lengthOf(this.#padding, row), alone: this.#layout.outputRow(outputs, 0) }];
  }
}

function countedPart(mask: Mask, count: number, position: number): readonly [from: number, to: number] {
  if (mask === 'whole') return [0, count];
  if (mask === 'half') return [0, Math.ceil(count / 2)];
  const at = Math.floor(position * count);
  return [at, at + 1];
}

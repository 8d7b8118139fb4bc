/** A copy of a shared run, with what each row gave and got, as if it had come alone: without padding, without filler. */
import { formatShape } from '../../../core/shape.ts';
import { axisOf, type LengthPadding, type Signature } from '../../../core/signature.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { cutRows, lengthMisfitOf } from '../../../scheduler/batch/pad-rows.ts';
import { ProbeLayout, type ProbeRow } from '../probe-layout.ts';

/** The inputs of a run, which belong to it. */
export interface RunInputs {
  readonly signatureName: string;
  readonly signature: Signature;
  readonly inputs: TensorMap;
  /** The names of the outputs that its requests wanted. */
  readonly wanted: readonly string[];
  /** Rows with filler. */
  readonly size: number;
  /** The length of each request’s row before it was padded, in order; undefined = it was not. */
  readonly lengths: readonly (number | undefined)[];
}

/** The answer at a place of a run, cut to the length of that row of the shared run; default: the row of that number. */
export type Answers = (place: number, row?: number) => TensorMap;

/** Outputs cannot be taken apart as those of the shared run could. */
export class OutputsMisfit extends Error {}

export class SharedRun {
  readonly of: RunInputs;
  /** The answers that the requests got. */
  readonly answer: Answers;
  readonly layout: ProbeLayout;
  /** The length to which rows were padded; undefined = none was. */
  readonly paddedTo: number | undefined;

  /** Throws OutputsMisfit if the outputs cannot be taken apart. */
  constructor(of: RunInputs, outputs: TensorMap) {
    this.of = of;
    this.layout = new ProbeLayout(of.signature);
    this.paddedTo = of.lengths.some((length) => length !== undefined) ? lengthIn(of) : undefined;
    this.answer = this.answersOf(outputs, of.size, this.paddedTo);
  }

  /** The inputs of a row as its request sent it. */
  row(row: number): ProbeRow {
    return this.rowOfLength(row, this.of.lengths[row] ?? this.paddedTo);
  }

  /** The inputs of a row as they were in the run, with its padding. */
  paddedRow(row: number): ProbeRow {
    return this.layout.outputRow(this.of.inputs, row);
  }

  /** The inputs of a row, cut to that length. */
  rowOfLength(row: number, length: number | undefined): ProbeRow {
    const padded = this.paddedRow(row);
    return length === undefined || length === this.paddedTo ? padded : cutRows(padded, this.#inputDims, length);
  }

  /**
   * The answers in the outputs of a run of `size` rows, which have the length `paddedTo`; undefined = nothing is cut.
   * Throws OutputsMisfit.
   */
  answersOf(outputs: TensorMap, size: number, paddedTo?: number): Answers {
    const { wanted, signature, lengths } = this.of;
    for (const name of wanted) {
      const axis = axisOf(signature.batchAxes, name);
      const shape = outputs.get(name)?.shape;
      if (shape !== undefined && (axis === 'same' || shape[axis] === size)) continue;
      throw new OutputsMisfit(`output "${name}" has shape ${formatShape(shape)} in a run of ${size} rows`);
    }
    if (paddedTo === undefined) return (place) => this.layout.outputRow(outputs, place);
    const padding = signature.padding!;
    const misfit = lengthMisfitOf(outputs, wanted, { padding, length: paddedTo });
    if (misfit !== undefined) throw new OutputsMisfit(misfit);
    return (place, row = place) => cutRows(this.layout.outputRow(outputs, place), padding, lengths[row] ?? paddedTo);
  }

  /** Inputs are cut as outputs are. */
  get #inputDims(): Pick<LengthPadding, 'outputs'> {
    const { padding } = this.of.signature;
    return { outputs: new Map([...padding!.inputs].map(([name, { dims }]) => [name, dims])) };
  }
}

function lengthIn({ signature, inputs }: RunInputs): number | undefined {
  for (const [name, { dims }] of signature.padding?.inputs ?? []) {
    const length = inputs.get(name)?.shape[dims[0]!];
    if (length !== undefined) return length;
  }
  return undefined;
}

/** The shapes of a row's inputs: `ids [1, 5], mask [1, 5]`. */
export function shapesText(row: ProbeRow): string {
  return [...row].map(([name, { shape }]) => `${name} ${formatShape(shape)}`).join(', ');
}

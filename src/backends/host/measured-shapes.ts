/**
 * The shapes of inputs with which an inline model was measured: only those run on the event loop, since the time of others
 * is unknown. Rows may be fewer than measured. A number for each dim is compared, once a batch.
 */
import type { Batch } from '../../core/executor.ts';
import { axisOf, type Signature, type Signatures } from '../../core/signature.ts';
import { areLargerThan } from '../../core/tensor.ts';
import { largestBatch, MAX_CALIBRATED_BYTES } from './calibration.ts';

interface MeasuredInput {
  readonly name: string;
  readonly shape: readonly number[];
  /** -1 = it has no axis of rows. */
  readonly axis: number;
}

interface MeasuredSignature {
  readonly inputs: readonly MeasuredInput[];
  /** Texts of one shape may have any length. */
  readonly hasTexts: boolean;
  mostRows: number;
}

export class MeasuredShapes {
  readonly #bySignature: ReadonlyMap<string, MeasuredSignature>;

  /** The shapes of a calibration of `signatures` with batches of up to `maxBatchSize` rows. */
  constructor(signatures: Signatures, maxBatchSize: number) {
    this.#bySignature = new Map(
      [...signatures].flatMap(([name, signature]) => {
        const known = measured(name, signature, maxBatchSize);
        return known === undefined ? [] : [[name, known]];
      }),
    );
  }

  /** Whether a batch of these shapes, or of more rows of them, was run. */
  has({ signatureName, inputs }: Batch): boolean {
    const known = this.#bySignature.get(signatureName);
    if (known === undefined || !fits(inputs, known, known.mostRows)) return false;
    return !known.hasTexts || !areLargerThan(inputs, MAX_CALIBRATED_BYTES);
  }

  /** Whether a batch has up to twice the rows that were measured: it may be measured, too. */
  isNext({ signatureName, inputs }: Batch): boolean {
    const known = this.#bySignature.get(signatureName);
    return (
      known !== undefined && fits(inputs, known, 2 * known.mostRows) && !areLargerThan(inputs, MAX_CALIBRATED_BYTES)
    );
  }

  /** A batch for which `isNext` was true has been measured. */
  add({ signatureName, inputs }: Batch): void {
    const known = this.#bySignature.get(signatureName)!;
    for (const { name, axis } of known.inputs) {
      known.mostRows = Math.max(known.mostRows, inputs.get(name)!.shape[axis] ?? 0);
    }
  }
}

/** Undefined: its inputs are too large to be measured. */
function measured(name: string, signature: Signature, maxBatchSize: number): MeasuredSignature | undefined {
  const { batchAxis, batchAxes } = signature;
  const isDynamic = batchAxis.kind === 'dynamic';
  const trial = largestBatch(name, signature, isDynamic ? maxBatchSize : 1);
  if (trial === undefined) return undefined;
  const mostRows = trial.size;
  const ofInputs = [...trial.inputs].map(([input, { shape }]): MeasuredInput => {
    const axis = isDynamic ? axisOf(batchAxes, input) : 'same';
    return { name: input, shape, axis: axis === 'same' ? -1 : axis };
  });
  const hasTexts = [...trial.inputs.values()].some(({ dtype }) => dtype === 'string');
  return { inputs: ofInputs, hasTexts, mostRows };
}

function fits(inputs: Batch['inputs'], known: MeasuredSignature, mostRows: number): boolean {
  for (const { name, shape, axis } of known.inputs) {
    const given = inputs.get(name)?.shape;
    if (given === undefined || given.length !== shape.length) return false;
    for (let i = 0; i < shape.length; i++) {
      if (i === axis ? given[i]! > mostRows : given[i] !== shape[i]) return false;
    }
  }
  return true;
}

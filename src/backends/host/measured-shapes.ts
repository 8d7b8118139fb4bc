/**
 * The shapes of inputs with which an inline model was measured: only those run on the event loop, since the time of others
 * is unknown. Rows may be fewer than measured. A number for each dim is compared, once a batch.
 */
import type { Batch } from '../../core/executor.ts';
import { axisOf, type Signature, type Signatures } from '../../core/signature.ts';
import { areLargerThan } from '../../core/tensor.ts';
import { syntheticBatch } from '../synthetic-batch.ts';
import { MAX_CALIBRATED_BYTES } from './calibration.ts';

interface MeasuredInput {
  readonly shape: readonly number[];
  /** -1 = it has no axis of rows. */
  readonly axis: number;
}

interface MeasuredSignature {
  readonly inputs: ReadonlyMap<string, MeasuredInput>;
  /** Texts of one shape may have any length. */
  readonly hasTexts: boolean;
  mostRows: number;
}

/** Of a signature that was not measured. */
const NO_INPUTS: Batch['inputs'] = new Map();

export class MeasuredShapes {
  readonly #bySignature: ReadonlyMap<string, MeasuredSignature>;

  /** Those of a calibration of `signatures` with batches of up to `maxBatchSize` rows. */
  constructor(signatures: Signatures, maxBatchSize: number) {
    this.#bySignature = new Map(
      [...signatures].map(([name, signature]) => [name, measured(name, signature, maxBatchSize)]),
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
    for (const [name, { shape }] of inputs) {
      known.mostRows = Math.max(known.mostRows, shape[known.inputs.get(name)!.axis] ?? 0);
    }
  }
}

function measured(name: string, signature: Signature, maxBatchSize: number): MeasuredSignature {
  const { batchAxis, batchAxes } = signature;
  const isDynamic = batchAxis.kind === 'dynamic';
  const mostRows = isDynamic ? maxBatchSize : 1;
  // Nothing was measured with inputs that are too large.
  const inputs =
    syntheticBatch(name, signature, { rows: mostRows, maxBytes: MAX_CALIBRATED_BYTES })?.inputs ?? NO_INPUTS;
  const ofInputs = [...inputs].map(([input, { shape }]): [string, MeasuredInput] => {
    const axis = isDynamic ? axisOf(batchAxes, input) : 'same';
    return [input, { shape, axis: axis === 'same' ? -1 : axis }];
  });
  const hasTexts = [...inputs.values()].some(({ dtype }) => dtype === 'string');
  return { inputs: new Map(ofInputs), hasTexts, mostRows };
}

function fits(inputs: Batch['inputs'], known: MeasuredSignature, mostRows: number): boolean {
  for (const [name, { shape }] of inputs) {
    const input = known.inputs.get(name);
    if (input === undefined || shape.length !== input.shape.length) return false;
    for (let i = 0; i < shape.length; i++) {
      if (i === input.axis ? shape[i]! > mostRows : shape[i] !== input.shape[i]) return false;
    }
  }
  return true;
}

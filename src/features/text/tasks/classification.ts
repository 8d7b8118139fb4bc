/** Classes of a text, or of a pair; and the score of a pair, which is a model of one class. */
import { Buffer } from 'node:buffer';
import type { TensorSpec } from '../../../core/signature.ts';
import { numericTensor, stringTensor, type Tensor, type TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS } from '../exported/text-model.ts';
import type { Activation } from '../files/settings.ts';
import { highestOf, sigmoid, softmax, type Task, type TaskModel, type TaskReader } from './task.ts';

const CLASSES = TEXT_OUTPUTS.classification;
const PAIRS = TEXT_OUTPUTS.reranking;
/** The label where scores are not numbers: none of them is the highest. */
const NO_LABEL = Buffer.alloc(0);

export function classificationTask({ settings }: TaskModel): Task {
  const { labels, activation } = settings;
  const count = labels.length || -1;
  const bytes = labels.map((label) => Buffer.from(label));
  return {
    outputs: new Map([
      specOf(CLASSES.label, 'string', [-1]),
      specOf(CLASSES.score, 'float32', [-1]),
      specOf(CLASSES.scores, 'float32', [-1, count]),
      specOf(CLASSES.labels, 'string', [-1, count]),
      specOf(CLASSES.rawScores, 'float32', [-1, count]),
    ]),
    onDemand: new Set([CLASSES.scores, CLASSES.labels, CLASSES.rawScores]),
    hasOffsets: false,
    open: ({ rowOf }) => new LogitsReader((logits) => classOutputs(logits, rowOf, bytes, activation)),
  };
}

export function rerankingTask({ settings }: TaskModel): Task {
  const { activation } = settings;
  return {
    outputs: new Map([specOf(PAIRS.score, 'float32', [-1]), specOf(PAIRS.rawScore, 'float32', [-1])]),
    onDemand: new Set([PAIRS.rawScore]),
    hasOffsets: false,
    open: (request) =>
      new LogitsReader((logits) => {
        const raw = Float32Array.from(request.rowOf, (row) => logits[row]![0]!);
        const scores = raw.map((logit) => activated(activation, Float64Array.of(logit))[0]!);
        return new Map([
          [PAIRS.score, numericTensor('float32', [raw.length], scores)],
          [PAIRS.rawScore, numericTensor('float32', [raw.length], raw)],
        ]);
      }),
  };
}

class LogitsReader implements TaskReader {
  readonly #rows: Float64Array[] = [];
  readonly #outputs: (rows: readonly Float64Array[]) => TensorMap;

  constructor(outputs: (rows: readonly Float64Array[]) => TensorMap) {
    this.#outputs = outputs;
  }

  take(row: number, values: Float32Array, at: number, width: number): void {
    this.#rows[row] = Float64Array.from(values.subarray(at, at + width));
  }

  finish(): TensorMap {
    return this.#outputs(this.#rows);
  }
}

/** The memory is its own, except where there is no activation. */
function activated(activation: Activation, logits: Float64Array): Float64Array {
  if (activation === 'softmax') return softmax(Float64Array.from(logits));
  return activation === 'sigmoid' ? logits.map(sigmoid) : logits;
}

function classOutputs(
  logits: readonly Float64Array[],
  rowOf: readonly number[],
  labels: readonly Buffer[],
  activation: Activation,
): TensorMap {
  const rows = logits.map((each) => activated(activation, each));
  const count = rows[0]?.length ?? 0;
  const nameOf = (index: number): Buffer => labels[index] ?? Buffer.from(`LABEL_${index}`);
  const best = rows.map(highestOf);
  const [all, raw] = [new Float32Array(rowOf.length * count), new Float32Array(rowOf.length * count)];
  const names: Uint8Array[] = [];
  for (let i = 0; i < rowOf.length; i++) {
    all.set(rows[rowOf[i]!]!, i * count);
    raw.set(logits[rowOf[i]!]!, i * count);
    for (let index = 0; index < count; index++) names.push(nameOf(index));
  }
  const bestScores = Float32Array.from(rowOf, (row) => rows[row]![best[row]!] ?? Number.NaN);
  return new Map<string, Tensor>([
    [
      CLASSES.label,
      stringTensor(
        [rowOf.length],
        rowOf.map((row) => (best[row] === -1 ? NO_LABEL : nameOf(best[row]!))),
      ),
    ],
    [CLASSES.score, numericTensor('float32', [rowOf.length], bestScores)],
    [CLASSES.scores, numericTensor('float32', [rowOf.length, count], all)],
    [CLASSES.labels, stringTensor([rowOf.length, count], names)],
    [CLASSES.rawScores, numericTensor('float32', [rowOf.length, count], raw)],
  ]);
}

export function specOf(name: string, dtype: TensorSpec['dtype'], shape: readonly number[]): [string, TensorSpec] {
  return [name, { dtype, shape, tensorName: name }];
}

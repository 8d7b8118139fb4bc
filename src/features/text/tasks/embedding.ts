/**
 * Embeddings: the vectors of a text's tokens become one (pooling), which is cut where a request asks for fewer dimensions
 * (Matryoshka), and then scaled to length 1.
 *
 * The mean is over all tokens of the text, special ones included, as sentence-transformers has it.
 */
import { invalidRequest } from '../../../core/errors.ts';
import type { TensorSpec } from '../../../core/signature.ts';
import { numericTensor, type TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS } from '../exported/text-model.ts';
import type { Pooling, TextSettings } from '../files/settings.ts';
import type { Task, TaskModel, TaskReader, TaskRequest } from './task.ts';

const { embedding: NAME } = TEXT_OUTPUTS.embedding;
/** sentence-transformers and torch scale a vector of zeros by this, and not by its length. */
const LEAST_LENGTH = 1e-12;

export function embeddingTask({ settings, binding }: TaskModel): Task {
  const hasWidths = settings.dimensions !== undefined;
  const spec: TensorSpec = { dtype: 'float32', shape: [-1, hasWidths ? -1 : binding.width], tensorName: NAME };
  return {
    outputs: new Map([[NAME, spec]]),
    onDemand: new Set(),
    hasOffsets: false,
    open: (request) => new EmbeddingReader(request, settings, binding.rank === 3),
  };
}

class EmbeddingReader implements TaskReader {
  readonly #request: TaskRequest;
  readonly #settings: TextSettings;
  readonly #isPooled: boolean;
  readonly #vectors: Float64Array[] = [];

  constructor(request: TaskRequest, settings: TextSettings, isPooled: boolean) {
    this.#request = request;
    this.#settings = settings;
    this.#isPooled = isPooled;
    checkWidth(request.dimensions, settings);
  }

  take(row: number, values: Float32Array, at: number, width: number, padded: number): void {
    const tokens = this.#request.encoded[row]!.ids.length;
    const vector = this.#isPooled
      ? pooled(this.#settings.pooling, values, at + padded * width, width, tokens)
      : Float64Array.from(values.subarray(at, at + width));
    const { dimensions } = this.#request;
    if (dimensions > width) throw invalidRequest(`input "dimensions" is ${dimensions}, but embeddings have ${width}`);
    const cut = dimensions === 0 ? vector : vector.subarray(0, dimensions);
    this.#vectors[row] = this.#settings.isNormalized ? normalized(cut) : cut;
  }

  finish(): TensorMap {
    const { rowOf } = this.#request;
    const width = this.#vectors[0]?.length ?? 0;
    const all = new Float32Array(rowOf.length * width);
    for (let i = 0; i < rowOf.length; i++) all.set(this.#vectors[rowOf[i]!]!, i * width);
    return new Map([[NAME, numericTensor('float32', [rowOf.length, width], all)]]);
  }
}

/** One vector of `tokens` vectors from `at` on. */
function pooled(pooling: Pooling, values: Float32Array, at: number, width: number, tokens: number): Float64Array {
  const vector = new Float64Array(width);
  if (pooling === 'cls' || pooling === 'last') {
    vector.set(values.subarray(at + (pooling === 'cls' ? 0 : (tokens - 1) * width)).subarray(0, width));
    return vector;
  }
  if (pooling === 'max') {
    vector.fill(-Infinity);
    for (let i = 0; i < tokens * width; i++) vector[i % width] = Math.max(vector[i % width]!, values[at + i]!);
    return vector;
  }
  for (let token = 0, from = at; token < tokens; token++, from += width) {
    for (let i = 0; i < width; i++) vector[i] = vector[i]! + values[from + i]!;
  }
  for (let i = 0; i < width; i++) vector[i] = vector[i]! / tokens;
  return vector;
}

function normalized(vector: Float64Array): Float64Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const length = Math.max(Math.sqrt(sum), LEAST_LENGTH);
  return vector.map((value) => value / length);
}

function checkWidth(dimensions: number, { dimensions: known }: TextSettings): void {
  if (dimensions === 0 || known === 'any' || known?.includes(dimensions) === true) return;
  const takes = known === undefined ? 'only its own (0)' : known.join(', ');
  throw invalidRequest(`input "dimensions" is ${dimensions}, but the model has embeddings of ${takes}`);
}

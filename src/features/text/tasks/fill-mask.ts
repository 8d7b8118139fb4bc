/** The likeliest tokens in the place of a text's mask. */
import { Buffer } from 'node:buffer';
import { invalidRequest } from '../../../core/errors.ts';
import { numericTensor, stringTensor, type Tensor, type TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS } from '../exported/text-model.ts';
import { specOf } from './classification.ts';
import { softmax, type Task, type TaskModel, type TaskReader, type TaskRequest } from './task.ts';

const NAMES = TEXT_OUTPUTS['fill-mask'];

interface Guesses {
  readonly ids: Int32Array;
  readonly scores: Float64Array;
}

export function fillMaskTask(model: TaskModel): Task {
  const k = model.settings.topK;
  return {
    outputs: new Map([
      specOf(NAMES.tokens, 'string', [-1, k]),
      specOf(NAMES.tokenIds, 'int64', [-1, k]),
      specOf(NAMES.scores, 'float32', [-1, k]),
    ]),
    onDemand: new Set(),
    hasOffsets: false,
    open: (request) => new MaskReader(request, model),
  };
}

class MaskReader implements TaskReader {
  readonly #request: TaskRequest;
  readonly #model: TaskModel;
  /** The place of the mask in each row. */
  readonly #masks: readonly number[];
  readonly #rows: Guesses[] = [];

  constructor(request: TaskRequest, model: TaskModel) {
    this.#request = request;
    this.#model = model;
    this.#masks = request.encoded.map(({ ids }, row) => {
      const at = ids.indexOf(model.maskId);
      if (at !== -1 && ids.indexOf(model.maskId, at + 1) === -1) return at;
      const { maskToken } = model.settings;
      const which = `text ${request.rowOf.indexOf(row)}`;
      throw invalidRequest(
        `${which} has ${at === -1 ? 'no' : 'more than one'} ${maskToken}; put it once, where a token is to be guessed`,
      );
    });
  }

  take(row: number, values: Float32Array, at: number, width: number, padded: number): void {
    const from = at + (padded + this.#masks[row]!) * width;
    const scores = softmax(Float64Array.from(values.subarray(from, from + width)));
    const ids = likeliest(scores, Math.min(this.#model.settings.topK, width));
    this.#rows[row] = { ids, scores: Float64Array.from(ids, (id) => scores[id]!) };
  }

  async finish(): Promise<TensorMap> {
    const { rowOf, user } = this.#request;
    const { tokenizer, settings } = this.#model;
    const k = settings.topK;
    const all = Int32Array.from(this.#rows.flatMap(({ ids }) => [...ids]));
    const texts = await tokenizer.textsOf(all, user);
    const shape = [rowOf.length, k];
    const [ids, scores] = [new BigInt64Array(rowOf.length * k).fill(-1n), new Float32Array(rowOf.length * k)];
    const names: Uint8Array[] = new Array(rowOf.length * k).fill(Buffer.alloc(0));
    const starts: number[] = [];
    let start = 0;
    for (const row of this.#rows) {
      starts.push(start);
      start += row.ids.length;
    }
    rowOf.forEach((row, i) => {
      const guesses = this.#rows[row]!;
      for (let j = 0; j < guesses.ids.length; j++) {
        ids[i * k + j] = BigInt(guesses.ids[j]!);
        scores[i * k + j] = guesses.scores[j]!;
        names[i * k + j] = texts[starts[row]! + j]!;
      }
    });
    return new Map<string, Tensor>([
      [NAMES.tokens, stringTensor(shape, names)],
      [NAMES.tokenIds, numericTensor('int64', shape, ids)],
      [NAMES.scores, numericTensor('float32', shape, scores)],
    ]);
  }
}

/** The indexes of the `count` largest, the largest first. */
function likeliest(scores: Float64Array, count: number): Int32Array {
  const best: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    if (best.length === count && !(scores[i]! > scores[best.at(-1)!]!)) continue;
    let at = best.length;
    while (at > 0 && scores[i]! > scores[best[at - 1]!]!) at -= 1;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return Int32Array.from(best);
}

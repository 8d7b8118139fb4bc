/** A task of text models: the outputs that it gives, and how they are made of what the graph gives. */
import type { Signature } from '../../../core/signature.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import type { Encoded, TokenizerUser } from '../exported/text-model.ts';
import type { GraphBinding } from '../files/graph-binding.ts';
import type { TextSettings } from '../files/settings.ts';
import type { TokenizerHost } from '../tokenizer/tokenizer-host.ts';

/** The version's parts that a task reads. */
export interface TaskModel {
  readonly settings: TextSettings;
  readonly binding: GraphBinding;
  readonly tokenizer: TokenizerHost;
  /** The id of the mask's token; -1 = there is none. */
  readonly maskId: number;
}

/** One request, tokenized: its different texts, each once. */
export interface TaskRequest {
  readonly encoded: readonly Encoded[];
  /** The index of the row of each text of the request. */
  readonly rowOf: readonly number[];
  /** 0 = the model's own. */
  readonly dimensions: number;
  /** The outputs that the caller wants. */
  readonly wanted: ReadonlySet<string>;
  readonly user: TokenizerUser;
}

/** Reads the graph's output of one request, part by part. */
export interface TaskReader {
  /**
   * A row's numbers: of rank 2 `width` numbers from `at` on; of rank 3 those of its first token, and of the others behind
   * it. `padded`: the tokens that padding has put before the row's own.
   */
  take(row: number, values: Float32Array, at: number, width: number, padded: number): void;
  /** The outputs, when all rows have been taken; one row for each text of the request. */
  finish(): TensorMap | Promise<TensorMap>;
}

export interface Task {
  readonly outputs: Signature['outputs'];
  /** Outputs that a request gets only if it names them. */
  readonly onDemand: ReadonlySet<string>;
  /** Tokens need their places in the text. */
  readonly hasOffsets: boolean;
  /** Throws `invalid_request` for texts that the task cannot take. */
  open(request: TaskRequest): TaskReader;
}

/** The index of the highest; -1 where one is NaN, as none is the highest then. */
export function highestOf(scores: Float64Array): number {
  let best = 0;
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i])) return -1;
    if (scores[i]! > scores[best]!) best = i;
  }
  return scores.length === 0 ? -1 : best;
}

/** e^x of each, scaled to the sum 1; in place. */
export function softmax(logits: Float64Array): Float64Array {
  let most = -Infinity;
  for (const logit of logits) most = Math.max(most, logit);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += logits[i] = Math.exp(logits[i]! - most);
  for (let i = 0; i < logits.length; i++) logits[i] = logits[i]! / sum;
  return logits;
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/**
 * A version that takes text, as other features see it: surfaces for embeddings or reranking stand on it.
 *
 *   const model = servable.facts.get(TEXT_MODEL)        undefined = the version takes no text
 *   inputs:  text [n] (+ text_pair, prompt, truncate, dimensions)        as a Predict of signature `model.signatureName`
 *   outputs: those of the task; `token_count` where the request names it
 *
 * A surface makes such a Predict, and the request goes the way of every other: limits, admission, queue, records.
 */
import { Buffer } from 'node:buffer';
import type { CancelSignal } from '../../../core/cancel.ts';
import type { Instant } from '../../../core/clock.ts';
import { factKey } from '../../../core/collections/facts.ts';
import type { StringTensor } from '../../../core/tensor.ts';

/** The tasks of text models. */
export const TEXT_TASKS = ['embedding', 'classification', 'token-classification', 'reranking', 'fill-mask'] as const;
export type TextTask = (typeof TEXT_TASKS)[number];

/** The names of the inputs. All but the first may be left out where the task allows it; shapes are [n], one a text. */
export const TEXT_INPUTS = {
  /** string: the texts; of reranking the queries. */
  text: 'text',
  /** string: the second text of each pair; of reranking the documents. '' = none, where the task takes single texts. */
  pair: 'text_pair',
  /** string: the name of one of the model's prompts, which is put before the text. '' = the model's default. */
  prompt: 'prompt',
  /** bool: a text that is too long is cut. False: it is refused. */
  truncate: 'truncate',
  /** int64: the width of embeddings, equal in all rows; 0 = the model's own. */
  dimensions: 'dimensions',
} as const;

/** The names of the outputs, by task. */
export const TEXT_OUTPUTS = {
  embedding: {
    /** float32 [n, width]. */
    embedding: 'embedding',
  },
  classification: {
    /** string [n], float32 [n]: the label of the highest score. */
    label: 'label',
    score: 'score',
    /** float32 [n, labels], string [n, labels]: all of them, in the model's order. Only where the request names them. */
    scores: 'scores',
    labels: 'labels',
    /** float32 [n, labels]: the logits, in the same order. Only where the request names it. */
    rawScores: 'raw_scores',
  },
  'token-classification': {
    /** string [n, most]: the kind of each entity, in the text's order; '' behind the last one of a text. */
    entities: 'entities',
    /** float32 [n, most]. */
    scores: 'scores',
    /** int32 [n, most]: where it starts and ends in the text, in code points; -1 behind the last one. */
    starts: 'starts',
    ends: 'ends',
  },
  reranking: {
    /** float32 [n]: the score after the activation. */
    score: 'score',
    /** float32 [n]: the logit. Only where the request names it. */
    rawScore: 'raw_score',
  },
  'fill-mask': {
    /** string [n, k], int64 [n, k], float32 [n, k]: the likeliest tokens at the mask, the likeliest first. */
    tokens: 'tokens',
    tokenIds: 'token_ids',
    scores: 'scores',
  },
} as const;

/** int32 [n]: the tokens of each text as the model got it, special ones included. Only where the request names it. */
export const TOKEN_COUNT_OUTPUT = 'token_count';

/** The most that one request may hold. Texts are counted with the second ones of pairs, characters in code points. */
export interface TextLimits {
  readonly texts: number;
  readonly charactersPerText: number;
  readonly characters: number;
  /** Counted after truncation. */
  readonly tokens: number;
}

/** One text, or a pair. */
export interface TextRow {
  readonly text: string;
  readonly pair?: string | undefined;
}

/** A tokenized text. All arrays have one element a token. */
export interface Encoded {
  readonly ids: Int32Array;
  /** 0 and 1: of which text of a pair the token is. */
  readonly typeIds: Int32Array;
  /** Start and end of each token in its text, in code points, in turn; empty unless they were asked for. */
  readonly offsets: Int32Array;
  /** 1 for tokens that the tokenizer adds; empty as offsets are. */
  readonly special: Uint8Array;
  /** The index of each token’s word in the text, -1 for none; empty as offsets are. */
  readonly words: Int32Array;
  /** The place where a text that was too long was cut, in code points; of a pair its first; -1 = all of it is there. */
  readonly cutAt: number;
}

/** A user of the tokenizer: a request's context is one. */
export interface TokenizerUser {
  /** Its listener is taken over until the tokenizer has answered. The deadline's passing cancels, too. */
  readonly cancel: CancelSignal;
  readonly deadline: Instant;
  /** The caller's name, as in TaskContext: callers have the tokenizer in turn. */
  readonly caller?: string | undefined;
}

export interface TokenizeOptions {
  /** Offsets, special tokens and words are there, too. Default: false. */
  readonly hasOffsets?: boolean;
  /** Default: the model's own: true. */
  readonly addsSpecialTokens?: boolean;
  /** More tokens of all texts together are `too_large`, as soon as they have been counted. Default: no limit. */
  readonly mostTokens?: number;
}

export interface TextModel {
  readonly task: TextTask;
  /** The signature whose inputs are texts: serving_default. */
  readonly signatureName: string;
  /** The most tokens of a text, special ones included. */
  readonly maxTokens: number;
  /** A text that is too long is cut, unless the request says otherwise. */
  readonly truncates: boolean;
  /** The width of embeddings; undefined for other tasks. */
  readonly width: number | undefined;
  /** The widths that a request may ask for (Matryoshka), ascending; `any` up to the own; undefined: only the own. */
  readonly dimensions: readonly number[] | 'any' | undefined;
  /** Embeddings have length 1, also those that are cut to fewer dimensions. */
  readonly isNormalized: boolean;
  /** The labels by the model's index; empty for tasks without. */
  readonly labels: readonly string[];
  /** Tokens of one entity are joined to it, else each is told by itself. */
  readonly isAggregated: boolean;
  /** The text of the mask that is filled. */
  readonly maskToken: string;
  /** So many tokens are guessed for a mask. */
  readonly topK: number;
  /** The prompts by name. */
  readonly prompts: ReadonlyMap<string, string>;
  readonly limits: TextLimits;
  /**
   * Tokenizes outside of this process, in the order of the rows, each cut to `maxTokens`; prompts are not added. Rejects
   * with `too_large` for more than `limits.tokens`, `overloaded`, `deadline_exceeded`, `backend_failed` for a row that takes
   * too long or too much memory, or the cancel reason.
   */
  tokenize(rows: readonly TextRow[], options: TokenizeOptions, user: TokenizerUser): Promise<readonly Encoded[]>;
  /**
   * The text of each list of ids, special tokens included. It need not have these tokens again: a vocabulary has many
   * spellings. Ids that are none are left out. Rejects as `tokenize` does.
   */
  decode(lists: readonly Int32Array[], user: TokenizerUser): Promise<readonly string[]>;
}

/** The key, on a version, of what it is as a text model. */
export const TEXT_MODEL = factKey<TextModel>('text');

/** Texts as an input. */
export function textTensor(texts: readonly string[]): StringTensor {
  return { dtype: 'string', shape: [texts.length], data: texts.map((text) => Buffer.from(text)) };
}

/**
 * Text models of a few words whose answers can be told by hand: each token has numbers of its own, an embedding is their
 * mean, a logit of a text their sum, and a logit of a token its own number. Every text becomes [CLS] words [SEP], a pair [CLS] words [SEP] words [SEP].
 */
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OnnxGraph, onnxModel } from '../../support/onnx-model.ts';

export const WORDS = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'red',
  'green',
  'blue',
  'cat',
  'dog',
  'bird',
  'house',
  'tree',
  '[MASK]',
];
export const WIDTH = 4;
export const LABELS = ['negative', 'neutral', 'positive'];
export const ENTITY_LABELS = ['O', 'B-PET', 'I-PET'];
export const MOST_TOKENS = 16;

const PAD = 0;
const UNKNOWN = 1;
const MASK = 12;

/** The numbers of a token; those of padding are 0. */
function numberOf(id: number, column: number): number {
  return id === PAD ? 0 : (((id * 7 + column * 3) % 11) - 5) / 4;
}

/** The ids of a text or a pair. */
export function idsOf(text: string, pair?: string): readonly number[] {
  const words = (from: string): number[] =>
    (from.toLowerCase().match(/\[mask\]|\w+|[^\w\s]+/g) ?? []).map((word) => {
      if (word === '[mask]') return MASK;
      const id = WORDS.indexOf(word);
      return id === -1 ? UNKNOWN : id;
    });
  return [2, ...words(text), 3, ...(pair === undefined ? [] : [...words(pair), 3])];
}

/** The embedding of length 1, in float32. */
export function embeddingOf(text: string): readonly number[] {
  const ids = idsOf(text);
  const mean = Array.from({ length: WIDTH }, (_, column) => {
    return ids.reduce((sum, id) => sum + numberOf(id, column), 0) / ids.length;
  });
  const length = Math.hypot(...mean);
  return mean.map((number) => number / length);
}

export function logitsOf(width: number, text: string, pair?: string): readonly number[] {
  return Array.from({ length: width }, (_, column) =>
    idsOf(text, pair).reduce((sum, id) => sum + numberOf(id, column), 0),
  );
}

/** The logits of the token with this id, in a model that tells something of each token. */
export function tokenLogits(width: number, id: number): readonly number[] {
  return Array.from({ length: width }, (_, column) => numberOf(id, column));
}

export function softmax(logits: readonly number[]): readonly number[] {
  const powers = logits.map(Math.exp);
  const sum = powers.reduce((all, each) => all + each, 0);
  return powers.map((power) => power / sum);
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

export type TinyTask = 'embedding' | 'reranking' | 'classification' | 'token-classification' | 'fill-mask';

/** Writes version 1 of such a model below the base path, which is returned. */
export function writeTinyModel(base: string, task: TinyTask, declared = ''): string {
  const directory = join(base, '1');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'model.onnx'), onnxModel(graphOf(task)));
  writeFileSync(join(directory, 'tokenizer.json'), JSON.stringify(tokenizer()));
  if (task === 'fill-mask') writeFileSync(join(directory, 'tokenizer_config.json'), '{"mask_token": "[MASK]"}');
  writeFileSync(join(directory, 'config.json'), JSON.stringify(configOf(task)));
  writeFileSync(join(directory, 'pillion.yaml'), `text:\n  task: ${task}\n${declared}`);
  return base;
}

const ARCHITECTURES: Readonly<Record<TinyTask, string>> = {
  embedding: 'BertModel',
  reranking: 'BertForSequenceClassification',
  classification: 'BertForSequenceClassification',
  'token-classification': 'BertForTokenClassification',
  'fill-mask': 'BertForMaskedLM',
};
const LABELS_OF: Readonly<Record<TinyTask, readonly string[]>> = {
  embedding: [],
  reranking: ['LABEL_0'],
  classification: LABELS,
  'token-classification': ENTITY_LABELS,
  'fill-mask': [],
};

function configOf(task: TinyTask): object {
  const architecture = ARCHITECTURES[task];
  const labels = LABELS_OF[task];
  const id2label = Object.fromEntries(labels.map((label, i) => [i, label]));
  return { architectures: [architecture], id2label, max_position_embeddings: MOST_TOKENS, pad_token_id: PAD };
}

function graphOf(task: TinyTask): OnnxGraph {
  const width = task === 'embedding' ? WIDTH : task === 'fill-mask' ? WORDS.length : LABELS_OF[task].length;
  const table = Float32Array.from({ length: WORDS.length * width }, (_, i) =>
    numberOf(Math.floor(i / width), i % width),
  );
  const inputs = ['input_ids', 'attention_mask'].map((name) => {
    return { name, dtype: 'int64' as const, dims: ['batch', 'sequence'] };
  });
  const embed = { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['numbers'] };
  const mask = [
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: { to: 1 } },
    { op: 'Unsqueeze', inputs: ['mask', 'last'], outputs: ['mask3'] },
    { op: 'Mul', inputs: ['numbers', 'mask3'], outputs: ['masked'] },
  ];
  const initializers = [
    { name: 'table', dtype: 'float32' as const, dims: [WORDS.length, width], data: bytesOf(table) },
    { name: 'last', dtype: 'int64' as const, dims: [1], data: bytesOf(BigInt64Array.of(2n)) },
    { name: 'one', dtype: 'int64' as const, dims: [1], data: bytesOf(BigInt64Array.of(1n)) },
  ];
  if (task !== 'reranking' && task !== 'classification') {
    const name = task === 'embedding' ? 'last_hidden_state' : 'logits';
    const output = { name, dtype: 'float32' as const, dims: ['batch', 'sequence', width] };
    const identity = { op: 'Identity', inputs: ['masked'], outputs: [name] };
    return { inputs, outputs: [output], nodes: [embed, ...mask, identity], initializers };
  }
  const output = { name: 'logits', dtype: 'float32' as const, dims: ['batch', width] };
  const sum = { op: 'ReduceSum', inputs: ['masked', 'one'], outputs: ['logits'], attributes: { keepdims: 0 } };
  return { inputs, outputs: [output], nodes: [embed, ...mask, sum], initializers };
}

function bytesOf({ buffer }: Float32Array | BigInt64Array): Uint8Array {
  return Buffer.from(buffer);
}

function tokenizer(): object {
  const special = [PAD, UNKNOWN, 2, 3, MASK].map((id) => ({
    ...{ id, content: WORDS[id], single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  }));
  const token = (id: string, type_id = 0): object => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number): object => ({ Sequence: { id, type_id } });
  const single = [token('[CLS]'), sequence('A', 0), token('[SEP]')];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, sequence('B', 1), token('[SEP]', 1)],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])), unk_token: '[UNK]' },
  };
}

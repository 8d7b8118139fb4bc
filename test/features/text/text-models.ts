/** Small transformers with tokenizers, and what they compute, counted here once more in plain loops. */
import { floats, type Graph, graphModel, int64s, node } from '../../support/onnx-graph.ts';

export const WORDS =
  '[PAD] [UNK] [CLS] [SEP] [MASK] ada lovelace lives in london a cat sat on the mat good bad film'.split(' ');
const WIDTH = 8;
/** The first rows of a table of numbers that are no pattern. */
const numbers = (count: number, seed: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(seed + i * 0.7)));
const TABLE = numbers(WORDS.length * WIDTH, 1);
const TOKENS = { type: 'int64', dims: ['batch', 'sequence'] } as const;

/** tokenizer.json: words between spaces, in lower case, as [CLS] a [SEP], or [CLS] a [SEP] b [SEP]. */
export function tokenizerFile(changes: object = {}): string {
  const special = WORDS.slice(0, 5).map((content, id) => ({
    ...{ id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
  }));
  const token = (id: string, type_id = 0) => ({ SpecialToken: { id, type_id } });
  const text = (id: string, type_id = 0) => ({ Sequence: { id, type_id } });
  const single = [token('[CLS]'), text('A'), token('[SEP]')];
  const ids = Object.fromEntries(WORDS.slice(2, 4).map((id, i) => [id, { id, ids: [i + 2], tokens: [id] }]));
  return JSON.stringify({
    ...{ version: '1.0', truncation: null, padding: null, added_tokens: special, decoder: null },
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: {
      ...{ type: 'TemplateProcessing', single, special_tokens: ids },
      pair: [...single, text('B', 1), token('[SEP]', 1)],
    },
    model: { type: 'WordLevel', vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])), unk_token: '[UNK]' },
    ...changes,
  });
}

/** Tokens attend to each other; `head` makes the output of them. */
function graphOf(outputs: Graph['outputs'], head: Graph['nodes'], constants: Graph['constants'] = {}): Uint8Array {
  return graphModel({
    inputs: { input_ids: TOKENS, attention_mask: TOKENS },
    outputs,
    constants: {
      table: floats(TABLE, [WORDS.length, WIDTH]),
      one: floats([1]),
      far: floats([-10_000]),
      axis1: int64s([1]),
      ...constants,
    },
    nodes: [
      node('Gather', 'table input_ids', 'x', { axis: 0 }),
      node('Cast', 'attention_mask', 'mask', { to: 1 }),
      node('Transpose', 'x', 'xt', { perm: [0, 2, 1] }),
      node('MatMul', 'x xt', 'scores'),
      node('Sub', 'one mask', 'hidden_tokens'),
      node('Mul', 'hidden_tokens far', 'penalty'),
      node('Unsqueeze', 'penalty axis1', 'penalties'),
      node('Add', 'scores penalties', 'masked'),
      node('Softmax', 'masked', 'weights', { axis: 2 }),
      ...head,
    ],
  });
}

/** last_hidden_state [batch, sequence, 8]. */
export const ENCODER = graphOf({ last_hidden_state: { type: 'float', dims: ['batch', 'sequence', WIDTH] } }, [
  node('MatMul', 'weights x', 'last_hidden_state'),
]);

/** logits [batch, classes] of the first token. */
export function classifier(classes: number): Uint8Array {
  return graphOf(
    { logits: { type: 'float', dims: ['batch', classes] } },
    [
      node('MatMul', 'weights x', 'hidden'),
      node('Gather', 'hidden first', 'cls', { axis: 1 }),
      node('MatMul', 'cls head', 'logits'),
    ],
    { head: headOf(classes), first: int64s([0], []) },
  );
}

/** logits [batch, sequence, classes]. */
export function tokenClassifier(classes: number): Uint8Array {
  return graphOf(
    { logits: { type: 'float', dims: ['batch', 'sequence', classes] } },
    [node('MatMul', 'weights x', 'hidden'), node('MatMul', 'hidden head', 'logits')],
    { head: headOf(classes) },
  );
}

function headOf(classes: number): ReturnType<typeof floats> {
  return floats(numbers(WIDTH * classes, 5), [WIDTH, classes]);
}

/** The ids of a text's words, with those that the tokenizer adds. */
export function idsOf(text: string, pair?: string): readonly number[] {
  const words = (of: string): readonly number[] =>
    of
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word) => {
        const id = WORDS.indexOf(word.startsWith('[') ? word.toUpperCase() : word);
        return id === -1 ? 1 : id;
      });
  return [2, ...words(text), 3, ...(pair === undefined ? [] : [...words(pair), 3])];
}

/** What ENCODER gives for these ids: a vector a token. */
export function hiddenOf(ids: readonly number[]): readonly (readonly number[])[] {
  const x = ids.map((id) => TABLE.slice(id * WIDTH, (id + 1) * WIDTH));
  return x.map((query) => {
    const scores = softmaxOf(x.map((key) => dot(query, key)));
    return query.map((_, i) => x.reduce((sum, value, k) => sum + scores[k]! * value[i]!, 0));
  });
}

/** The logits of a vector. */
export function logitsOf(vector: readonly number[], classes: number): readonly number[] {
  const head = numbers(WIDTH * classes, 5);
  return Array.from({ length: classes }, (_, k) =>
    dot(
      vector,
      vector.map((__, i) => head[i * classes + k]!),
    ),
  );
}

export function softmaxOf(logits: readonly number[]): readonly number[] {
  const most = Math.max(...logits);
  const powers = logits.map((each) => Math.exp(each - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((each) => each / sum);
}

/** The mean vector, scaled to length 1. */
export function embeddingOf(text: string, width = WIDTH): readonly number[] {
  const hidden = hiddenOf(idsOf(text));
  const mean = hidden[0]!
    .map((_, i) => hidden.reduce((sum, each) => sum + each[i]!, 0) / hidden.length)
    .slice(0, width);
  const length = Math.sqrt(dot(mean, mean));
  return mean.map((each) => each / length);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, each, i) => sum + each * b[i]!, 0);
}

/** The largest difference of two lists of numbers. */
export function distance(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Infinity;
  return a.reduce((most, each, i) => Math.max(most, Math.abs(each - b[i]!)), 0);
}

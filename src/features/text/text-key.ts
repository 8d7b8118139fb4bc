/** `text` in the pillion.yaml beside a model: how texts become its inputs, and its outputs an answer. */
import * as v from 'valibot';
import { choice, count, fields, flag, named, nonEmptyText, optional, text } from '../../config/yaml/kinds.ts';
import { FileKey } from '../../models/model-file/file-key.ts';
import { TEXT_TASKS } from './exported/text-model.ts';

const MOST = 2 ** 31 - 1;
const WANTS = 'off, or a map such as {task: embedding}';
const WIDTHS_WANT = 'any, or a list of widths such as [64, 128]';

const LIMITS = fields(
  {
    texts: optional(count(1, MOST), 'Texts of a request, those of pairs counted twice. Default: 2048.'),
    characters_per_text: optional(count(1, MOST), 'Characters of one text. Default: 100000.'),
    characters: optional(count(1, MOST), 'Characters of all texts of a request. Default: 4000000.'),
    tokens: optional(count(1, MOST), 'Tokens of all texts of a request, after they are cut. Default: 500000.'),
  },
  'a map with texts, characters_per_text, characters and tokens',
);

const DECLARATION = fields(
  {
    task: optional(choice(TEXT_TASKS), 'What the model does. By default as config.json and modules.json say.'),
    tokenizer: optional(nonEmptyText, 'The file of the tokenizer, in this directory. Default: tokenizer.json.'),
    max_tokens: optional(
      count(1, MOST),
      'The most tokens of a text, special ones included. By default as the files say.',
    ),
    truncate: optional(
      flag,
      'Longer texts are cut, unless the request says otherwise (true, the default), or refused.',
    ),
    truncation_side: optional(
      choice(['right', 'left']),
      'The side of a text that is cut. By default the tokenizer’s own.',
    ),
    strip: optional(
      flag,
      'White space at both ends of a text is removed, as by sentence-transformers before 5.4. Default: false.',
    ),
    pooling: optional(
      choice(['mean', 'cls', 'last', 'max']),
      'How the vectors of tokens become an embedding. By default as 1_Pooling says, else mean.',
    ),
    normalize: optional(
      flag,
      'Embeddings are scaled to length 1. By default if modules.json has a Normalize, or is missing.',
    ),
    dimensions: optional(
      v.union([v.literal('any'), v.array(count(1, MOST))], WIDTHS_WANT),
      'Widths that a request may ask for, of a model that was trained so (Matryoshka). By default only its own.',
    ),
    prompts: optional(
      named(text('the text of the prompt'), 'a map of prompts by name'),
      'Texts before a request’s own, by name. By default those of config_sentence_transformers.json.',
    ),
    default_prompt: optional(
      nonEmptyText,
      'The prompt of requests that name none. By default as the files say, or none.',
    ),
    labels: optional(
      v.array(nonEmptyText, 'a list of names'),
      'The names of the classes. By default id2label of config.json.',
    ),
    activation: optional(
      choice(['softmax', 'sigmoid', 'none']),
      'What makes scores of logits. By default sigmoid for one class or several at once, else softmax.',
    ),
    aggregation: optional(
      choice(['simple', 'none']),
      'simple: tokens of one entity are one (B- and I- of labels are read). none: each token that is not O. Default: simple.',
    ),
    top_k: optional(count(1, 1000), 'Tokens in an answer of fill-mask. Default: 5.'),
    output: optional(nonEmptyText, 'The graph’s output that is read. By default it is found by its name and shape.'),
    limits: optional(LIMITS, 'The most that one request may hold.'),
  },
  WANTS,
);

export type TextDeclaration = v.InferOutput<typeof DECLARATION>;

/** The key of pillion.yaml. */
export const TEXT = new FileKey<TextDeclaration | 'off'>({
  name: 'text',
  schema: v.union(
    [
      v.pipe(
        v.literal(false),
        v.transform(() => 'off' as const),
      ),
      v.literal('off'),
      DECLARATION,
    ],
    WANTS,
  ),
  help: 'The model takes texts: the server makes tokens of them, and an answer of its outputs. off: it takes tokens, also where a tokenizer.json lies beside it.',
});

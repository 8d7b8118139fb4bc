/** Decides what a version is as a model of text: its pillion.yaml has the last word, then the files beside it, then its graph. */
import type { TextLimits, TextTask } from '../exported/text-model.ts';
import type { TextDeclaration } from '../text-key.ts';
import { countOf, type Json, mapOf, type TextFiles } from './text-files.ts';

export type Pooling = 'mean' | 'cls' | 'last' | 'max';
export type Activation = 'softmax' | 'sigmoid' | 'none';

export interface TextSettings {
  readonly task: TextTask;
  readonly maxTokens: number;
  readonly truncates: boolean;
  readonly cuts: 'right' | 'left';
  /** White space at both ends of a text is removed. */
  readonly strips: boolean;
  readonly padsLeft: boolean;
  readonly padId: number;
  /** The position of a text's first token, for graphs that are given positions. */
  readonly firstPosition: number;
  /** The text of the mask, for people and for fill-mask. */
  readonly maskToken: string;
  readonly pooling: Pooling;
  readonly isNormalized: boolean;
  readonly dimensions: readonly number[] | 'any' | undefined;
  readonly prompts: ReadonlyMap<string, string>;
  /** '' = none. */
  readonly defaultPrompt: string;
  readonly labels: readonly string[];
  readonly activation: Activation;
  readonly isAggregated: boolean;
  readonly topK: number;
  /** The graph's output. Undefined = by name and shape. */
  readonly output: string | undefined;
  readonly limits: TextLimits;
}

const DEFAULT_LIMITS: TextLimits = { texts: 2048, charactersPerText: 100_000, characters: 4_000_000, tokens: 500_000 };
const DEFAULT_MAX_TOKENS = 512;
const DEFAULT_TOP_K = 5;
/** Their positions begin behind the id of the padding. */
const POSITIONS_AFTER_PADDING = new Set([
  'roberta',
  'xlm-roberta',
  'camembert',
  'mpnet',
  'longformer',
  'xlm-roberta-xl',
]);
/** Each by its own key, which is true, or by its name in `pooling_mode`, as sentence-transformers 6 writes it. */
const POOLINGS: readonly (readonly [key: string, name: string, pooling: Pooling])[] = [
  ['pooling_mode_mean_tokens', 'mean', 'mean'],
  ['pooling_mode_cls_token', 'cls', 'cls'],
  ['pooling_mode_lasttoken', 'lasttoken', 'last'],
  ['pooling_mode_max_tokens', 'max', 'max'],
];
/** Kinds that `model_type` of config_sentence_transformers.json names. */
const EMBEDDER = 'SentenceTransformer';
const RANKER = 'CrossEncoder';

/** The task; undefined = neither the owner nor the files say it. */
export function taskOf(declared: TextDeclaration, files: TextFiles): TextTask | undefined {
  const { model, modules, pooling, sentenceTransformers } = files;
  if (declared.task !== undefined) return declared.task;
  // Rankers and sparse encoders have modules.json, too, since sentence-transformers 6, and this key.
  const kind = sentenceTransformers['model_type'] ?? EMBEDDER;
  if (kind === EMBEDDER && (modules !== undefined || pooling !== undefined)) return 'embedding';
  if (kind !== EMBEDDER && kind !== RANKER) return undefined;
  const architecture = String((model['architectures'] as unknown[] | undefined)?.[0] ?? '');
  if (architecture.endsWith('ForSequenceClassification')) {
    return labelsOf(declared, model).length === 1 ? 'reranking' : 'classification';
  }
  if (architecture.endsWith('ForTokenClassification')) return 'token-classification';
  return architecture.endsWith('ForMaskedLM') ? 'fill-mask' : undefined;
}

/** The scores of a text, or of its tokens; undefined = as many as the graph gives. */
export function classesOf({ task, labels }: Pick<TextSettings, 'task' | 'labels'>): number | undefined {
  if (task === 'reranking') return 1;
  return task === 'classification' || task === 'token-classification' ? labels.length || undefined : undefined;
}

/** Calls `problem` with a sentence for each thing in the files or the declaration that cannot be served. */
export function settingsOf(
  task: TextTask,
  declared: TextDeclaration,
  files: TextFiles,
  problem: (text: string) => void,
): TextSettings {
  const { tokenizer, model } = files;
  const labels = labelsOf(declared, model);
  const areNamed = task === 'classification' || task === 'token-classification';
  if (areNamed && declared.labels === undefined && hasGaps(model)) {
    problem('id2label of config.json names not the classes from 0 on, each once; write "labels: […]" in pillion.yaml');
  }
  return {
    task,
    maxTokens: declared.max_tokens ?? maxTokensOf(files),
    truncates: declared.truncate ?? true,
    cuts: declared.truncation_side ?? (tokenizer['truncation_side'] === 'left' ? 'left' : 'right'),
    strips: declared.strip ?? false,
    padsLeft: tokenizer['padding_side'] === 'left',
    firstPosition: isAfterPadding(model) ? padIdOf(model) + 1 : 0,
    padId: padIdOf(model),
    maskToken: tokenText(tokenizer['mask_token']) ?? '[MASK]',
    pooling: declared.pooling ?? poolingOf(files.pooling, problem),
    isNormalized: declared.normalize ?? normalizes(files.modules),
    dimensions: declared.dimensions,
    ...promptsOf(task, declared, files, problem),
    labels,
    activation: declared.activation ?? activationOf(task, labels, model),
    isAggregated: declared.aggregation !== 'none',
    topK: declared.top_k ?? DEFAULT_TOP_K,
    output: declared.output,
    limits: limitsOf(declared),
  };
}

/** Modules whose work is done here, or that do nothing at inference. */
const KNOWN_MODULES = ['Transformer', 'Pooling', 'Normalize', 'Dropout'];

/** The problem of a graph that gives vectors of tokens, in place of all that sentence-transformers makes of them. */
export function moduleProblem({ modules = [], sentenceBert, tokenizer }: TextFiles): string | undefined {
  const unknown = modules.find(({ type }) => !KNOWN_MODULES.includes(String(type).split('.').at(-1)!));
  if (unknown !== undefined) {
    return `its modules.json has ${String(unknown['type'])}, which this server cannot; export the graph with an output sentence_embedding`;
  }
  const lowers = sentenceBert['do_lower_case'] === true && tokenizer['do_lower_case'] !== true;
  return lowers
    ? 'its sentence_bert_config.json wants texts in lower case, which its tokenizer does not make'
    : undefined;
}

/** sentence-transformers without a list of modules normalises in most tools, and so does a plain transformer here. */
function normalizes(modules: readonly Json[] | undefined): boolean {
  return modules === undefined || modules.some(({ type }) => String(type).endsWith('.Normalize'));
}

function maxTokensOf({ tokenizer, model, sentenceBert }: TextFiles): number {
  const own = countOf(sentenceBert['max_seq_length']);
  if (own !== undefined) return own;
  const positions = countOf(model['max_position_embeddings']);
  const shift = isAfterPadding(model) ? padIdOf(model) + 1 : 0;
  const known = [countOf(tokenizer['model_max_length']), positions && positions - shift];
  const least = Math.min(...known.filter((each) => each !== undefined));
  return Number.isFinite(least) ? least : DEFAULT_MAX_TOKENS;
}

function isAfterPadding(model: Json): boolean {
  return POSITIONS_AFTER_PADDING.has(String(model['model_type']));
}

function padIdOf(model: Json): number {
  const id = model['pad_token_id'];
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0) return id;
  // The default of transformers.
  return isAfterPadding(model) ? 1 : 0;
}

function poolingOf(pooling: Json | undefined, problem: (text: string) => void): Pooling {
  if (pooling === undefined) return 'mean';
  const mode = pooling['pooling_mode'];
  const named = Array.isArray(mode) ? mode.join(', ') : textOf(mode);
  const on = Object.keys(pooling).filter((key) => key.startsWith('pooling_mode_') && pooling[key] === true);
  const found = POOLINGS.find(([key, name]) =>
    named === undefined ? on.length === 1 && key === on[0] : named === name,
  );
  if (found !== undefined) return found[2];
  problem(`its pooling (${named ?? on.join(', ')}) is none of mean, cls, lasttoken and max`);
  return 'mean';
}

function limitsOf({ limits }: TextDeclaration): TextLimits {
  return {
    texts: limits?.texts ?? DEFAULT_LIMITS.texts,
    charactersPerText: limits?.characters_per_text ?? DEFAULT_LIMITS.charactersPerText,
    characters: limits?.characters ?? DEFAULT_LIMITS.characters,
    tokens: limits?.tokens ?? DEFAULT_LIMITS.tokens,
  };
}

/** Entities have places in a text, so it is taken as it comes. */
function promptsOf(
  task: TextTask,
  declared: TextDeclaration,
  { sentenceTransformers, pooling }: TextFiles,
  problem: (text: string) => void,
): Pick<TextSettings, 'prompts' | 'defaultPrompt'> {
  const isAsItComes = task === 'token-classification';
  if (isAsItComes && declared.prompts !== undefined) {
    problem('entities are found in texts as they come, without prompts');
  }
  const own = Object.entries(mapOf(isAsItComes ? undefined : sentenceTransformers['prompts'])).filter(
    (each): each is [string, string] => typeof each[1] === 'string' && each[0] !== '',
  );
  const prompts = declared.prompts ?? new Map(own);
  const ownName = isAsItComes ? undefined : textOf(sentenceTransformers['default_prompt_name']);
  const defaultPrompt = declared.default_prompt ?? ownName ?? '';
  if (defaultPrompt !== '' && !prompts.has(defaultPrompt)) {
    problem(`there is no prompt "${defaultPrompt}" to be the default`);
  }
  if (pooling?.['include_prompt'] === false && [...prompts.values()].some((prompt) => prompt !== '')) {
    problem('its pooling leaves out the tokens of prompts (include_prompt: false), which this server cannot');
  }
  return { prompts, defaultPrompt };
}

function labelsOf({ labels }: TextDeclaration, model: Json): readonly string[] {
  if (labels !== undefined) return labels;
  const named = Object.entries(mapOf(model['id2label'])).sort(([a], [b]) => Number(a) - Number(b));
  if (named.length > 0) return named.map(([, label]) => String(label));
  return Array.from({ length: countOf(model['num_labels']) ?? 0 }, (_, index) => `LABEL_${index}`);
}

/** The names are not those of 0, 1, 2 …: labels would be those of other classes. */
function hasGaps(model: Json): boolean {
  const names = new Set(Object.keys(mapOf(model['id2label'])));
  return [...names.keys()].some((_, index) => !names.has(String(index)));
}

function activationOf(task: TextTask, labels: readonly string[], model: Json): Activation {
  if (task === 'reranking') return 'sigmoid';
  if (task !== 'classification') return 'softmax';
  const isIndependent = model['problem_type'] === 'multi_label_classification' || labels.length === 1;
  return model['problem_type'] === 'regression' ? 'none' : isIndependent ? 'sigmoid' : 'softmax';
}

/** A token's text; some files have its properties beside it. */
function tokenText(token: unknown): string | undefined {
  return textOf(token) ?? textOf(mapOf(token)['content']);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/**
 * The files that describe a model of text, as Hugging Face's libraries write them beside it. They are hints: a value of
 * another type than expected is as if it were not there.
 *
 *   tokenizer.json, tokenizer_config.json                  the tokenizer
 *   config.json                                            transformers: the architecture, its labels and positions
 *   modules.json, 1_Pooling/config.json,
 *   sentence_bert_config.json, config_sentence_transformers.json        sentence-transformers
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../../../core/errors.ts';
import { isNameInside, isReallyInside, readSmall } from '../../../models/model-file/small-files.ts';

/** A value of a JSON file. */
export type Json = Readonly<Record<string, unknown>>;

export interface TextFiles {
  readonly tokenizer: Json;
  readonly model: Json;
  /** Undefined: the model is none of sentence-transformers. */
  readonly modules: readonly Json[] | undefined;
  /** Undefined: there is no such file. */
  readonly pooling: Json | undefined;
  readonly sentenceBert: Json;
  readonly sentenceTransformers: Json;
}

export const TOKENIZER_FILE = 'tokenizer.json';
const MOST_CONFIG_BYTES = 4 * 2 ** 20;
/** The largest that people use have 35 MB. */
const MOST_TOKENIZER_BYTES = 64 * 2 ** 20;

/** The file's problem, as a clause; undefined = it can be opened; `none`: there is no such file. */
export async function tokenizerProblem(directory: string, file: string): Promise<string | undefined> {
  const path = join(directory, file);
  if (!isNameInside(file) || !(await isReallyInside(directory, path))) return "is not in the version's directory";
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return 'does not exist';
  if (!stats.isFile()) return 'is no file';
  if (stats.size > MOST_TOKENIZER_BYTES) return `has ${stats.size} bytes, and ${MOST_TOKENIZER_BYTES} are the most`;
  return undefined;
}

/** Rejects with `load_failed` for a file that is no JSON. */
export async function readTextFiles(directory: string): Promise<TextFiles> {
  const read = (name: string): Promise<unknown> => readJson(directory, name);
  const modules = await read('modules.json');
  const list = Array.isArray(modules) ? modules.map(mapOf) : undefined;
  const pool = list?.find(({ type }) => String(type).endsWith('.Pooling'))?.['path'];
  const pooling = await read(join(typeof pool === 'string' && pool !== '' ? pool : '1_Pooling', 'config.json'));
  return {
    tokenizer: mapOf(await read('tokenizer_config.json')),
    model: mapOf(await read('config.json')),
    modules: list,
    pooling: pooling === undefined ? undefined : mapOf(pooling),
    sentenceBert: mapOf(await read('sentence_bert_config.json')),
    sentenceTransformers: mapOf(await read('config_sentence_transformers.json')),
  };
}

/** The value if it is a map; else an empty one. */
export function mapOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** A whole number from 1 on, below any that stands for infinity. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31 ? value : undefined;
}

async function readJson(directory: string, name: string): Promise<unknown> {
  const path = join(directory, name);
  if (!isNameInside(name) || !(await isReallyInside(directory, path))) {
    throw new ServingError('load_failed', `${path} is not in the version's directory; put it there`);
  }
  const bytes = await readSmall(path, MOST_CONFIG_BYTES);
  if (bytes === undefined) return undefined;
  if (typeof bytes === 'string') throw new ServingError('load_failed', `${path}: ${bytes}`);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ServingError('load_failed', `${path} is no JSON: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The file of a model of trees in a version directory: finds it, tells its format, reads it.
 *
 *   model.json   XGBoost's save_model, or LightGBM's dump_model as JSON
 *   model.txt    LightGBM's save_model
 *   model.ubj    XGBoost's save_model in its binary form
 */
import type { Buffer } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../../core/errors.ts';
import { beginsBinaryTrees, beginsTrees, JSON_ARTIFACT, readHead } from '../json-artifact.ts';
import { readLightgbmModel } from './lightgbm/lightgbm-json.ts';
import { readLightgbmText } from './lightgbm/lightgbm-text.ts';
import type { TreeModel } from './tree-model.ts';
import { readUniversalBinaryJson } from './xgboost/universal-binary-json.ts';
import { readXgboostModel } from './xgboost/xgboost-json.ts';

interface Format {
  readonly file: string;
  /** The file's beginning is that of the format. */
  readonly begins: (head: string) => boolean;
  /** Throws a plain Error for a model that is not served. */
  readonly read: (bytes: Buffer) => TreeModel;
}

/** The formats in the order in which a directory is searched for them. */
const FORMATS: readonly Format[] = [
  { file: JSON_ARTIFACT, begins: beginsTrees, read: (bytes) => readTreeJson(bytes.toString()) },
  {
    file: 'model.txt',
    begins: (head) => /^tree\r?\n/.test(head),
    read: (bytes) => readLightgbmText(bytes.toString()),
  },
  {
    file: 'model.ubj',
    begins: beginsBinaryTrees,
    read: (bytes) => readXgboostModel(readUniversalBinaryJson(bytes)),
  },
];

/** The most bytes of a file: the text of a larger one might not fit into a string. It would have millions of nodes. */
const MAX_BYTES = 2 ** 28;

/** The path of the directory's model, and how it is read; undefined = it has none. Never rejects. */
async function findFormat(versionDirectory: string): Promise<{ path: string; format: Format } | undefined> {
  for (const format of FORMATS) {
    const path = join(versionDirectory, format.file);
    if (format.begins((await readHead(path)) ?? '')) return { path, format };
  }
  return undefined;
}

export async function hasTreeFile(versionDirectory: string): Promise<boolean> {
  return (await findFormat(versionDirectory)) !== undefined;
}

/** Rejects with `load_failed`. */
export async function readTreeFile(versionDirectory: string): Promise<{ path: string; model: TreeModel }> {
  const found = await findFormat(versionDirectory);
  if (found === undefined) {
    const names = FORMATS.map(({ file }) => file).join(' or ');
    throw loadFailed(versionDirectory, `it holds no ${names} of XGBoost or LightGBM`);
  }
  const { path, format } = found;
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes; a model of at most ${MAX_BYTES} is served`);
    return { path, model: format.read(await readFile(path)) };
  } catch (error) {
    throw loadFailed(path, (error as Error).message, error);
  }
}

export function loadFailed(path: string, text: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', `"${path}": ${text}`, { cause });
}

/** Reads a model.json of either library. Throws a plain Error, or a SyntaxError. */
export function readTreeJson(text: string): TreeModel {
  const json = parseJson(text);
  const isXgboost = typeof json === 'object' && json !== null && Object.hasOwn(json, 'learner');
  return isXgboost ? readXgboostModel(json) : readLightgbmModel(json);
}

/**
 * JSON, or JSON with the words of C++ and Python for numbers that are not finite: a threshold may be infinite. NaN
 * becomes a text, which is no number for any field. Throws a SyntaxError.
 */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!text.includes('Infinity') && !text.includes('NaN')) throw error;
  }
  const words: Readonly<Record<string, string>> = { Infinity: '1e999', NaN: '"NaN"' };
  return JSON.parse(text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|Infinity|NaN/g, (token) => words[token] ?? token));
}

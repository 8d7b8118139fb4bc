/**
 * `model.json` is the name of two kinds of artifacts: a model of TensorFlow.js, and trees of XGBoost or LightGBM. Its
 * first key tells which. Only the beginning of the file is read, so this is cheap enough for `probe`.
 */
import { open, stat } from 'node:fs/promises';

export const JSON_ARTIFACT = 'model.json';

const HEAD_BYTES = 4096;
const BINARY_HEAD = /^\{(?:[iU].|I..|l.{4}|L.{8})(?:learner|version)/s;
const FIRST_KEY = /^\s*\{\s*"([^"\\]{1,64})"\s*:/;
/** XGBoost writes `learner` first, LightGBM `name`. The others come first if a tool has sorted the keys. */
const KEYS_OF_TREES: ReadonlySet<string> = new Set([
  ...['learner', 'version'],
  ...['name', 'average_output', 'feature_importances', 'feature_infos', 'feature_names', 'label_index', 'tree_info'],
]);

/** The first bytes of a file as Latin-1; undefined if there is no file that can be read. Never rejects. */
export async function readHead(path: string): Promise<string | undefined> {
  try {
    // Opening a pipe would wait for its writer.
    if (!(await stat(path)).isFile()) return undefined;
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return new TextDecoder('latin1').decode(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** The text is the beginning of a JSON file of trees. */
export function beginsTrees(head: string): boolean {
  return KEYS_OF_TREES.has(FIRST_KEY.exec(head)?.[1] ?? '');
}

/** The bytes are the beginning of XGBoost's model as Universal Binary JSON: an object, and the length of its first key. */
export function beginsBinaryTrees(head: string): boolean {
  return BINARY_HEAD.test(head);
}

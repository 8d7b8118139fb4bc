/**
 * The files that a user names → those of a version directory, by their names and first bytes:
 *
 *   churn.onnx, churn.onnx.data   model.onnx, churn.onnx.data
 *   exported/saved_model.pb       saved_model.pb, variables/…      (or the folder itself)
 *   booster.txt ("tree…")         model.txt
 *   booster.ubj ("{L…")           model.ubj
 *   booster.json ("{…")           model.json, and the weight files that TensorFlow.js's manifest names
 *
 * Whether a runtime opens them is found out later: a file's name decides nothing but its name in the directory.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { beginsBinaryTrees, beginsTrees, readHead } from '../../backends/json-artifact.ts';
import { isNameInside } from '../../models/model-file/small-files.ts';
import { exportHint } from './export-hints.ts';
import { filesBelow, refuseKernelFiles } from './folder-files.ts';

interface PlacedFile {
  readonly from: string;
  /** Its path in the version directory. */
  readonly to: string;
}

export interface ModelFiles {
  /** The model's name as its file suggests it. */
  readonly name: string;
  readonly files: readonly PlacedFile[];
}

const SAVED_MODEL = 'saved_model.pb';
/** Names that tell nothing of a model, in place of which its folder's counts. */
const USUAL_NAME = /^(saved_?model|model|booster|\d+)$/i;
/** Files at the top of a folder that make it a model's. */
const MODEL_FILE = /^(saved_model\.pb|model\.json|model\.txt|model\.ubj|.*\.onnx)$/s;

/** Rejects with an Error that names the file and says what to do. */
export async function modelFiles([path, ...others]: readonly string[]): Promise<ModelFiles> {
  const main = await mainFiles(path!, others);
  const found = new Set(main.map(({ from }) => resolve(from)));
  const more = others.filter((each) => !found.has(resolve(each))).map((from) => ({ from, to: basename(from) }));
  for (const { from } of more) await checkFile(from);
  return { name: nameOf(path!), files: withoutRepeats([...main, ...more]) };
}

/** A file may be named that was found beside the model. Throws if two files would have one name. */
function withoutRepeats(files: readonly PlacedFile[]): readonly PlacedFile[] {
  const sources = new Map<string, string>();
  return files.filter(({ from, to }) => {
    const other = sources.get(to);
    if (other === undefined) return sources.set(to, from);
    if (resolve(other) === resolve(from)) return false;
    throw new Error(`${other} and ${from} would both be ${to} in the directory of the version; give one another name`);
  });
}

async function mainFiles(path: string, others: readonly string[]): Promise<readonly PlacedFile[]> {
  if (!existsSync(path)) throw new Error(`${path}: there is no such file`);
  if (statSync(path).isDirectory()) return folderFiles(path, others);
  await checkFile(path);
  if (basename(path) === SAVED_MODEL) return folderFiles(dirname(path), others);
  const head = (await readHead(path)) ?? '';
  if (extname(path).toLowerCase() === '.onnx') return [{ from: path, to: 'model.onnx' }, ...weightsBeside(path)];
  if (/^tree\r?\n/.test(head)) return [{ from: path, to: 'model.txt' }];
  if (beginsBinaryTrees(head)) return [{ from: path, to: 'model.ubj' }];
  if (/^\s*\{/.test(head)) return jsonFiles(path, head);
  throw new Error(`${path} cannot be served: ${exportHint(path, head)} (docs/how-to/models.md)`);
}

async function checkFile(path: string): Promise<void> {
  if (!existsSync(path)) throw new Error(`${path}: there is no such file`);
  if (!statSync(path).isFile()) throw new Error(`${path}: is no file that can be read as a whole`);
  await refuseKernelFiles(path);
}

async function folderFiles(directory: string, named: readonly string[]): Promise<readonly PlacedFile[]> {
  const names = await readdir(directory);
  if (!names.some((name) => MODEL_FILE.test(name))) {
    throw new Error(
      names.some((name) => /^\d+$/.test(name) && holdsModel(join(directory, name)))
        ? `${directory} has numbered directories, as a model that is served: pillion serve --model=NAME=${directory}`
        : `${directory} holds no model: ${SAVED_MODEL}, *.onnx, model.json, model.txt or model.ubj`,
    );
  }
  const files = await filesBelow(directory, named);
  return files.map((from) => ({ from, to: relative(directory, from) }));
}

function holdsModel(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => MODEL_FILE.test(name));
  } catch {
    // A file, or a folder of somebody else's.
    return false;
  }
}

/** Exporters name them after the model's file, which refers to them by these names. */
function weightsBeside(path: string): readonly PlacedFile[] {
  return ['.data', '_data']
    .map((end) => `${path}${end}`)
    .filter(existsSync)
    .map((from) => ({ from, to: basename(from) }));
}

/** Only TensorFlow.js has a manifest. Other JSON is whole, and a runtime says what it is. */
async function jsonFiles(path: string, head: string): Promise<readonly PlacedFile[]> {
  const own = { from: path, to: 'model.json' };
  if (beginsTrees(head)) return [own];
  const names = manifestNames(await readFile(path, 'utf8'), path);
  const odd = names.find((name) => !isNameInside(name));
  if (odd !== undefined) throw new Error(`${path}: its weights ${JSON.stringify(odd)} are not in its own folder`);
  const shards = names.map((name) => ({ from: join(dirname(path), name), to: name }));
  for (const { from } of shards) await checkFile(from);
  return [own, ...shards];
}

function manifestNames(text: string, path: string): readonly string[] {
  let json: { readonly weightsManifest?: unknown };
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: it is no JSON that can be read: ${(error as Error).message}`);
  }
  const groups = Array.isArray(json.weightsManifest) ? (json.weightsManifest as readonly unknown[]) : [];
  const paths = groups.flatMap((group) => (group as { readonly paths?: unknown } | null)?.paths ?? []);
  return paths.filter((each) => typeof each === 'string');
}

/** "models/churn.v2.onnx" → "churn.v2"; "exports/churn/1/model.onnx" → "churn". */
function nameOf(path: string): string {
  const parts = resolve(path).split('/').reverse();
  const stems = parts.map((part, i) =>
    i === 0 && !isFolder(path) ? part.slice(0, -extname(part).length || undefined) : part,
  );
  const stem = stems.find((each) => !USUAL_NAME.test(each)) ?? '';
  return stem.replaceAll(/[^\w.-]+/g, '-').replace(/^[^\w]+/, '') || 'model';
}

function isFolder(path: string): boolean {
  return statSync(path).isDirectory();
}

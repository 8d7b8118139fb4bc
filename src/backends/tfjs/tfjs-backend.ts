/**
 * Backend `tfjs`: TensorFlow's SavedModels, and the graph and layers models of TensorFlow.js, on libtensorflow through
 * tfjs-node, on the CPU.
 *
 * The artifact is `<version>/saved_model.pb` with its variables and assets beside it, or `<version>/model.json` with its
 * shards. Importing this file and asking it what lies in a directory loads nothing native: the first load does.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, LoadOptions, Session } from '../backend.ts';
import { JSON_MODEL_FILE } from './json-model-file.ts';
import { loadJsonModel } from './load-json-model.ts';
import { loadSavedModel, SAVED_MODEL_FILE } from './load-saved-model.ts';
import { loadFailed } from './tensorflow-errors.ts';

/** Found by the registry as 'tfjs'. */
export const backend: Backend = {
  kind: 'tfjs',
  mustRunIn: 'process',
  // Measured: half_plus_two's process has 344 MiB, a fake model's 58.
  runtimeBytes: 290 * 2 ** 20,

  async probe(versionDirectory) {
    for (const file of [SAVED_MODEL_FILE, JSON_MODEL_FILE]) if (await isFile(join(versionDirectory, file))) return true;
    return false;
  },

  async load(versionDirectory: string, options: LoadOptions): Promise<Session> {
    const { executionProvider } = options;
    if (executionProvider !== 'cpu') {
      throw loadFailed(
        versionDirectory,
        `execution provider "${executionProvider}" is not there for TensorFlow; use cpu`,
      );
    }
    if (await isFile(join(versionDirectory, SAVED_MODEL_FILE))) return loadSavedModel(versionDirectory, options);
    if (await isFile(join(versionDirectory, JSON_MODEL_FILE))) return loadJsonModel(versionDirectory, options);
    throw loadFailed(versionDirectory, `it holds neither ${SAVED_MODEL_FILE} nor ${JSON_MODEL_FILE}`);
  },
};

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

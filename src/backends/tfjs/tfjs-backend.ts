/**
 * Backend `tfjs`: TensorFlow's SavedModels, and the graph and layers models of TensorFlow.js, on libtensorflow through
 * tfjs-node, on the CPU.
 *
 * The artifact is `<version>/saved_model.pb` with its variables and assets beside it, or `<version>/model.json` with its
 * shards. Importing this file and asking it what lies in a directory loads nothing native: the first load does.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, LoadOptions } from '../backend.ts';
import { JSON_MODEL_FILE } from './json-model-file.ts';
import { loadJsonModel, loadTimedJsonModel } from './load-json-model.ts';
import { loadSavedModel, loadTracedSavedModel, SAVED_MODEL_FILE } from './load-saved-model.ts';
import { loadFailed } from './tensorflow-errors.ts';

/** In the order in which they are looked for. */
const ARTIFACTS = [SAVED_MODEL_FILE, JSON_MODEL_FILE] as const;
type Artifact = (typeof ARTIFACTS)[number];

/** Found by the registry as 'tfjs'. */
export const backend: Backend = {
  kind: 'tfjs',
  mustRunIn: 'process',
  // Measured: half_plus_two's process has 344 MiB, a fake model's 58.
  runtimeBytes: 290 * 2 ** 20,

  async probe(versionDirectory) {
    for (const file of ARTIFACTS) if (await isFile(join(versionDirectory, file))) return true;
    return false;
  },

  async load(versionDirectory, options) {
    const open = { [SAVED_MODEL_FILE]: loadSavedModel, [JSON_MODEL_FILE]: loadJsonModel };
    return open[await artifactOf(versionDirectory, options)](versionDirectory, options);
  },

  async loadProfiled(versionDirectory, options) {
    const open = { [SAVED_MODEL_FILE]: loadTracedSavedModel, [JSON_MODEL_FILE]: loadTimedJsonModel };
    return open[await artifactOf(versionDirectory, options)](versionDirectory, options);
  },
};

/** What is to be opened. Rejects with `load_failed` where there is nothing, or TensorFlow has not what is asked for. */
async function artifactOf(versionDirectory: string, { executionProvider }: LoadOptions): Promise<Artifact> {
  if (executionProvider !== 'cpu') {
    throw loadFailed(
      versionDirectory,
      `execution provider "${executionProvider}" is not there for TensorFlow; use cpu`,
    );
  }
  for (const file of ARTIFACTS) if (await isFile(join(versionDirectory, file))) return file;
  throw loadFailed(versionDirectory, `it holds neither ${ARTIFACTS.join(' nor ')}`);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

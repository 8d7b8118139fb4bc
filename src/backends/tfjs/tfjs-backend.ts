/**
 * Backend `tfjs`: TensorFlow's SavedModels, and the graph and layers models of TensorFlow.js, on libtensorflow through
 * tfjs-node, on the CPU.
 *
 * The artifact is `<version>/saved_model.pb` with its variables and assets beside it, or `<version>/model.json` with its
 * shards. Importing this file and asking it what lies in a directory loads nothing native: the first load does. Where both
 * are there, `saved_model` and `tfjs_model` name one of them.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, LoadOptions } from '../backend.ts';
import { JSON_MODEL_FILE } from './json-model-file.ts';
import { loadJsonModel, loadTimedJsonModel } from './load-json-model.ts';
import { loadSavedModel, loadTracedSavedModel, SAVED_MODEL_FILE } from './load-saved-model.ts';
import { loadFailed } from './tensorflow-errors.ts';

interface Artifact {
  readonly file: string;
  readonly load: Backend['load'];
  /** So that its ops are timed. */
  readonly loadProfiled: NonNullable<Backend['loadProfiled']>;
}

const SAVED_MODEL: Artifact = { file: SAVED_MODEL_FILE, load: loadSavedModel, loadProfiled: loadTracedSavedModel };
const JSON_MODEL: Artifact = { file: JSON_MODEL_FILE, load: loadJsonModel, loadProfiled: loadTimedJsonModel };

/** Found by the registry as 'tfjs': a SavedModel, or else a model of TensorFlow.js. */
export const backend: Backend = tfjsBackend('tfjs', [SAVED_MODEL, JSON_MODEL]);

/** Found as 'saved_model': a SavedModel alone. */
export const savedModelBackend: Backend = tfjsBackend('saved_model', [SAVED_MODEL]);

/** Found as 'tfjs_model': a model of TensorFlow.js alone. */
export const tfjsModelBackend: Backend = tfjsBackend('tfjs_model', [JSON_MODEL]);

/** Of several artifacts in a directory the first counts. */
function tfjsBackend(kind: string, artifacts: readonly Artifact[]): Backend {
  return {
    kind,
    mustRunIn: 'process',
    // Measured: half_plus_two's process has 344 MiB, a fake model's 58.
    runtimeBytes: 290 * 2 ** 20,

    async probe(versionDirectory) {
      for (const { file } of artifacts) if (await isFile(join(versionDirectory, file))) return true;
      return false;
    },

    async load(versionDirectory, options) {
      return (await artifactOf(artifacts, versionDirectory, options)).load(versionDirectory, options);
    },

    async loadProfiled(versionDirectory, options) {
      return (await artifactOf(artifacts, versionDirectory, options)).loadProfiled(versionDirectory, options);
    },
  };
}

/** What is to be opened. Rejects with `load_failed` where there is nothing, or TensorFlow has not what is asked for. */
async function artifactOf(
  artifacts: readonly Artifact[],
  versionDirectory: string,
  { executionProvider }: LoadOptions,
): Promise<Artifact> {
  if (executionProvider !== 'cpu') {
    throw loadFailed(
      versionDirectory,
      `execution provider "${executionProvider}" is not there for TensorFlow; use cpu`,
    );
  }
  for (const artifact of artifacts) if (await isFile(join(versionDirectory, artifact.file))) return artifact;
  const files = artifacts.map(({ file }) => file);
  throw loadFailed(versionDirectory, `it holds ${files.length > 1 ? 'neither ' : 'no '}${files.join(' nor ')}`);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

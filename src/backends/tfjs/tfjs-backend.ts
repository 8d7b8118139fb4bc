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
import type { Backend, LoadOptions, Session } from '../backend.ts';
import { JSON_MODEL_FILE } from './json-model-file.ts';
import { loadJsonModel } from './load-json-model.ts';
import { loadSavedModel, SAVED_MODEL_FILE } from './load-saved-model.ts';
import { loadFailed } from './tensorflow-errors.ts';

type LoadArtifact = (versionDirectory: string, options: LoadOptions) => Promise<Session>;

const SAVED_MODEL = [SAVED_MODEL_FILE, loadSavedModel] as const;
const JSON_MODEL = [JSON_MODEL_FILE, loadJsonModel] as const;

/** Found by the registry as 'tfjs': a SavedModel, or else a model of TensorFlow.js. */
export const backend: Backend = tfjsBackend('tfjs', [SAVED_MODEL, JSON_MODEL]);

/** Found as 'saved_model': a SavedModel alone. */
export const savedModelBackend: Backend = tfjsBackend('saved_model', [SAVED_MODEL]);

/** Found as 'tfjs_model': a model of TensorFlow.js alone. */
export const tfjsModelBackend: Backend = tfjsBackend('tfjs_model', [JSON_MODEL]);

/** Of several artifacts in a directory the first counts. */
function tfjsBackend(kind: string, artifacts: readonly (readonly [file: string, load: LoadArtifact])[]): Backend {
  return {
    kind,
    mustRunIn: 'process',

    async probe(versionDirectory) {
      for (const [file] of artifacts) if (await isFile(join(versionDirectory, file))) return true;
      return false;
    },

    async load(versionDirectory, options) {
      const { executionProvider } = options;
      if (executionProvider !== 'cpu') {
        throw loadFailed(
          versionDirectory,
          `execution provider "${executionProvider}" is not there for TensorFlow; use cpu`,
        );
      }
      for (const [file, load] of artifacts) {
        if (await isFile(join(versionDirectory, file))) return load(versionDirectory, options);
      }
      const files = artifacts.map(([file]) => file);
      throw loadFailed(versionDirectory, `it holds ${files.length > 1 ? 'neither ' : 'no '}${files.join(' nor ')}`);
    },
  };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/**
 * Opens TensorFlow's SavedModels, and the graph and layers models of TensorFlow.js, on libtensorflow through
 * tfjs-node, on the CPU.
 *
 * The artifact is `<version>/saved_model.pb` with variables and assets, or `<version>/model.json` with its shards. The
 * first load imports the native library; importing this file and probing do not.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BatchAxes, DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { Backend, LoadOptions, RowVerdict } from '../backend.ts';
import { beginsTrees, readHead } from '../json-artifact.ts';
import { checkParameters } from '../load-options.ts';
import { judgeJsonModel } from './graph/judge-json-model.ts';
import { judgeSavedModel } from './graph/judge-saved-model.ts';
import { JSON_MODEL_FILE } from './json-model-file.ts';
import { loadJsonModel, loadTimedJsonModel } from './load-json-model.ts';
import { loadSavedModel, loadTracedSavedModel, SAVED_MODEL_FILE } from './load-saved-model.ts';
import { loadFailed } from './tensorflow-errors.ts';

interface Artifact {
  readonly file: string;
  readonly load: Backend['load'];
  readonly loadProfiled: NonNullable<Backend['loadProfiled']>;
  /** `file` is its path. */
  readonly judge: (file: string, signatureName: string, axes?: BatchAxes) => Promise<RowVerdict>;
}

export const SAVED_MODEL: Artifact = {
  file: SAVED_MODEL_FILE,
  load: loadSavedModel,
  loadProfiled: loadTracedSavedModel,
  judge: judgeSavedModel,
};
export const JSON_MODEL: Artifact = {
  file: JSON_MODEL_FILE,
  load: loadJsonModel,
  loadProfiled: loadTimedJsonModel,
  judge: judgeJsonModel,
};

/** A backend that opens the first of `artifacts` that a directory has. */
export function tensorflowBackend(kind: string, artifacts: readonly Artifact[]): Backend {
  return {
    kind,
    mustRunIn: 'process',
    runtimeBytes: 290 * 2 ** 20,

    async probe(versionDirectory) {
      for (const { file } of artifacts) if (await isOwn(join(versionDirectory, file))) return true;
      return false;
    },

    async load(versionDirectory, options) {
      return (await artifactOf(artifacts, versionDirectory, options)).load(versionDirectory, options);
    },

    async judgeRows(versionDirectory, axes, signatureName = DEFAULT_SIGNATURE_NAME) {
      for (const { file, judge } of artifacts) {
        const path = join(versionDirectory, file);
        if (await isFile(path)) return judge(path, signatureName, axes);
      }
      return { kind: 'undecided', reason: 'there is no graph' };
    },

    async loadProfiled(versionDirectory, options) {
      return (await artifactOf(artifacts, versionDirectory, options)).loadProfiled(versionDirectory, options);
    },
  };
}

/** Rejects with `load_failed` if the directory has no artifact, or TensorFlow has not the execution provider. */
async function artifactOf(
  artifacts: readonly Artifact[],
  versionDirectory: string,
  { executionProvider, parameters }: LoadOptions,
): Promise<Artifact> {
  checkParameters(versionDirectory, parameters);
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

/** A model.json may hold the trees of another backend. */
async function isOwn(path: string): Promise<boolean> {
  return (await isFile(path)) && !beginsTrees((await readHead(path)) ?? '');
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

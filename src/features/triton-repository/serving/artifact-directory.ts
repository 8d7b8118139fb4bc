/**
 * Finds the artifact of a version of a Triton model: beside others in the version's directory, or in one of its own.
 *
 *   1/model.onnx               the version's directory        1/model.savedmodel/saved_model.pb   1/model.savedmodel
 *   1/model.onnx/model.onnx    1/model.onnx
 */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { liesUnder } from '../../../config/base-path.ts';
import type { ModelConfig } from '../../../config/model-config.ts';
import type { ServeOptions } from '../../../config/options/serve-options.ts';
import type { OptionValues } from '../../../config/read-options.ts';
import { ServingError } from '../../../core/errors.ts';
import { TRITON_RUNTIMES } from '../config/runtime.ts';
import { TRITON, type TritonModel } from '../config/triton-model.ts';
import type { TRITON_OPTIONS } from '../options.ts';

type Roots = Pick<ServeOptions & OptionValues<typeof TRITON_OPTIONS>, 'model_roots' | 'model_repository'>;

/** The name that the ONNX backend takes among several files. */
const ONNX_FILE = 'model.onnx';

/**
 * The directory to give to the backend. Rejects with `load_failed` for a model that is refused (ModelConfig.refusal),
 * if the version lacks the file that its config.pbtxt asks for, and if it really lies under none of --model_roots and the
 * repositories. Without --model_roots links may lead anywhere, as in Triton.
 */
export async function artifactDirectory(
  model: ModelConfig,
  versionDirectory: string,
  { model_roots: roots, model_repository }: Roots = { model_roots: [], model_repository: [] },
): Promise<string> {
  const triton = TRITON.of(model);
  if (triton === undefined) return versionDirectory;
  const artifact = await tritonArtifact(model, triton, versionDirectory);
  if (roots.length === 0) return artifact;
  const allowed = [...roots, ...model_repository].map((path) => resolve(path));
  if (await liesUnder(artifact, allowed)) return artifact;
  throw loadFailed(
    `"${artifact}" leads out of the repository: allowed is what lies under ${allowed.join(', ')}; --model_roots=DIR allows more`,
  );
}

async function tritonArtifact(
  { name, backend, refusal }: ModelConfig,
  triton: TritonModel,
  versionDirectory: string,
): Promise<string> {
  if (refusal !== undefined) throw loadFailed(`model "${name}": ${refusal}`);
  if (triton.ensemble !== undefined) return versionDirectory;
  const named = triton.config.defaultModelFilename;
  const candidates = TRITON_RUNTIMES.filter((runtime) => backend === undefined || runtime.backend === backend);
  const fileNames = named === '' ? candidates.map(({ fileName }) => fileName) : [named];
  for (const fileName of fileNames) {
    const path = join(versionDirectory, fileName);
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isDirectory() === true) return path;
    if (stats === undefined) continue;
    await checkFile(versionDirectory, fileName);
    return versionDirectory;
  }
  // A version may hold whatever the runtimes here know, unless a config.pbtxt says otherwise.
  if (backend === undefined && named === '') return versionDirectory;
  throw loadFailed(`"${versionDirectory}" holds no ${fileNames.join(' or ')}: ${await contentOf(versionDirectory)}`);
}

/** The ONNX backend opens model.onnx, or the only *.onnx file. */
async function checkFile(versionDirectory: string, fileName: string): Promise<void> {
  if (fileName === ONNX_FILE) return;
  const path = join(versionDirectory, fileName);
  if (!fileName.endsWith('.onnx')) {
    throw loadFailed(`"${path}" is no directory and has no name that ends in .onnx; name it ${ONNX_FILE}`);
  }
  const names = (await readdir(versionDirectory)).filter((name) => name.endsWith('.onnx'));
  if (names.length > 1) {
    throw loadFailed(
      `"${versionDirectory}" holds ${names.sort().join(', ')}; leave ${fileName} alone, or as ${ONNX_FILE}`,
    );
  }
}

async function contentOf(versionDirectory: string): Promise<string> {
  const names = await readdir(versionDirectory).catch(() => []);
  return names.length === 0 ? 'it is empty' : `it holds ${names.slice(0, 5).join(', ')}`;
}

function loadFailed(text: string): ServingError {
  return new ServingError('load_failed', text);
}

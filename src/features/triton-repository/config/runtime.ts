/** platform, backend and default_model_filename → the runtime that opens a model's files. */
import type { Where } from '../../../config/config-file.ts';
import type { TritonConfig } from '../../open-inference/exported/model-config.ts';

/** Our runtime, and the name of its file where the model names none. */
export interface TritonRuntime {
  readonly backend: string;
  readonly fileName: string;
}

const ONNX: TritonRuntime = { backend: 'onnx', fileName: 'model.onnx' };
const SAVED_MODEL: TritonRuntime = { backend: 'saved_model', fileName: 'model.savedmodel' };

const PLATFORMS: ReadonlyMap<string, TritonRuntime> = new Map([
  ['onnxruntime_onnx', ONNX],
  ['tensorflow_savedmodel', SAVED_MODEL],
]);
const BACKENDS: ReadonlyMap<string, TritonRuntime> = new Map([
  ['onnxruntime', ONNX],
  ['tensorflow', SAVED_MODEL],
]);

export const TRITON_RUNTIMES: readonly TritonRuntime[] = [ONNX, SAVED_MODEL];

const KNOWN = 'backend "onnxruntime" or platform "onnxruntime_onnx", and "tensorflow" or "tensorflow_savedmodel"';

/** Undefined if the file names none: the files of the version decide. Adds to `errors` what no runtime here opens. */
export function runtimeOf(
  { platform, backend }: TritonConfig,
  where: Where,
  errors: string[],
): TritonRuntime | undefined {
  if (platform === 'ensemble') return undefined;
  const byPlatform = PLATFORMS.get(platform);
  const byBackend = BACKENDS.get(backend);
  if (platform !== '' && byPlatform === undefined) {
    errors.push(`${where('platform')}: platform "${platform}" is not served here; served are ${KNOWN}`);
    return undefined;
  }
  if (backend !== '' && byBackend === undefined) {
    errors.push(`${where('backend')}: backend "${backend}" is not served here; served are ${KNOWN}`);
    return undefined;
  }
  if (byPlatform !== undefined && byBackend !== undefined && byPlatform !== byBackend) {
    errors.push(`${where('backend')}: backend "${backend}" and platform "${platform}" differ; leave one of them out`);
  }
  return byPlatform ?? byBackend;
}

/** A file of the version's own directory: no path. */
export function checkFileName({ defaultModelFilename: name }: TritonConfig, where: Where, errors: string[]): void {
  if (!/[/\\]/.test(name) && name !== '..' && name !== '.') return;
  errors.push(
    `${where('default_model_filename')}: default_model_filename "${name}" is no name in the version's directory`,
  );
}

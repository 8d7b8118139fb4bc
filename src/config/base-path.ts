/** Base paths that cannot be what was meant: a URL, and the directory of one version instead of its parent. */
import { readdirSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';

const URL_START = /^[a-z][a-z0-9+.-]*:\/\//i;
const VERSION_NAME = /^\d+$/;
/** What the runtimes call their files; a test holds it against those that are built in. */
const ARTIFACT = /^(?:(?:saved_)?model\..+|remote\.yaml|.+\.onnx)$/;

/** Completes "base path …"; undefined if it is fine. TensorFlow Serving reads some from the network. */
export function urlProblem(basePath: string): string | undefined {
  if (!URL_START.test(basePath)) return undefined;
  return `"${basePath}" is a URI; only local directories are read: mount it, and give its path`;
}

/**
 * Completes "base path …"; undefined if it is fine or cannot be looked at. Reads the directory if its name is a number:
 * `/models/m/123` may be a version of `/models/m`, or hold versions itself.
 */
export function versionDirectoryProblem(basePath: string): string | undefined {
  const path = resolve(basePath);
  if (!VERSION_NAME.test(basename(path))) return undefined;
  let names: readonly string[];
  try {
    names = readdirSync(path);
  } catch {
    return undefined;
  }
  const artifact = names.find((name) => ARTIFACT.test(name));
  if (artifact === undefined || names.some((name) => VERSION_NAME.test(name))) return undefined;
  return `${path} is a version itself, as it holds ${artifact}; give its parent ${dirname(path)}, which holds all versions`;
}

/**
 * Limits of a list of models that came over the network: it may choose among what the server's own configuration
 * allows, and never name new code or a new place on the disk.
 *
 *   runtime      a built-in one, or a plug-in that the server's own configuration names
 *   base path    under one of the model roots
 *   a path that is written at   under the directory of its option, by default those that are written at already
 */
import { Buffer } from 'node:buffer';
import { dirname, sep } from 'node:path';
import { liesUnder } from '../../config/base-path.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { WrittenPath } from '../../config/model-key.ts';

/** The values that the server's own command line, environment and files allow. Paths are absolute. */
export interface ReloadLimits {
  readonly runtimes: readonly string[];
  readonly modelRoots: readonly string[];
  /** The directories under which lists may have the server write, by the option that limits it. */
  readonly writeRoots: (option: string) => readonly string[];
}

/** The kernel's PATH_MAX. */
const MAX_PATH_BYTES = 4095;

/** One sentence for each thing that is not allowed; empty if all is. Only reads the disk. Never rejects. */
export async function limitViolations(
  models: readonly ModelConfig[],
  limits: ReloadLimits,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const model of models) {
    const { name, basePath, backend } = model;
    const refuse = (text: string): number => found.push(`model "${name}": ${text}`);
    if (backend !== undefined && !limits.runtimes.includes(backend)) {
      refuse(
        `there is no runtime ${JSON.stringify(backend)}; use one of ${limits.runtimes.join(', ')}. A plug-in is one only where the server's own configuration names it`,
      );
    }
    const modelPath = await whyNotUnder(basePath, basePath, limits.modelRoots);
    if (modelPath !== undefined) refuse(`base_path ${modelPath}; --model_roots=DIR allows more`);
    for (const { path, field, rootOption } of writtenBy(model)) {
      const problem = await whyNotUnder(path, dirname(path), limits.writeRoots(rootOption));
      if (problem !== undefined) refuse(`${field} ${problem}; --${rootOption}=DIR allows more`);
    }
  }
  return found;
}

/** The paths that the server writes at because of a model's keys. */
export function writtenBy(model: ModelConfig): readonly WrittenPath[] {
  const keys = [...(model.featureKeys?.keys() ?? [])];
  return keys.map((key) => key.writtenBy(model)).filter((written) => written !== undefined);
}

/** Why `directory`, which the `sent` path names, is not under a root; undefined if it is. */
async function whyNotUnder(sent: string, directory: string, roots: readonly string[]): Promise<string | undefined> {
  if (Buffer.byteLength(sent) > MAX_PATH_BYTES) return `has more than ${MAX_PATH_BYTES} bytes`;
  const shown = JSON.stringify(sent);
  // The kernel follows links before it takes "..", path.resolve does not: they may mean two places.
  if (!sent.startsWith('/') || sent.split(sep).includes('..')) {
    return `${shown} is not an absolute path without ".."`;
  }
  try {
    if (await liesUnder(directory, roots)) return undefined;
  } catch (error) {
    return `${shown} cannot be looked up: ${(error as Error).message}`;
  }
  const allowed = roots.length === 0 ? 'no directory is allowed' : `allowed is what lies under ${roots.join(', ')}`;
  return `${shown} is not allowed: ${allowed}`;
}

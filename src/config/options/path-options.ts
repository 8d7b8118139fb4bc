/** Options that name paths which cannot be what was meant: those that a shell was to complete, and those that lead nowhere. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { unexpandedProblem } from '../base-path.ts';
import type { ModelConfig } from '../model-config.ts';
import type { OptionTable, Origin } from '../read-options.ts';
import type { ServeOptions } from './serve-options.ts';

/** Options whose models are checked one by one. */
const MODELS = new Set(['model', 'model_base_path']);

/** A mistake for each option that names a file or folder which a shell was to complete. */
export function unexpandedOptions(
  table: OptionTable,
  options: ServeOptions,
  origins: ReadonlyMap<string, Origin>,
): readonly string[] {
  return pathsOf(table, options, origins).flatMap(({ path, place }) => {
    const problem = unexpandedProblem(path);
    return problem === undefined ? [] : [`${place}: ${problem}`];
  });
}

/** A line for each folder of an option, and each base path, that is not there. The server may wait for these. */
export function missingPaths(
  table: OptionTable,
  {
    options,
    origins,
    models,
  }: {
    readonly options: ServeOptions;
    readonly origins: ReadonlyMap<string, Origin>;
    readonly models: readonly ModelConfig[];
  },
): readonly string[] {
  const ofOptions = pathsOf(table, options, origins).flatMap(({ path, place }) => {
    const folder = dirname(resolve(path));
    return existsSync(path) || existsSync(folder) ? [] : [`${place}: ${path} is not there, and neither is ${folder}`];
  });
  const ofModels = models.flatMap(({ name, basePath, refusal }) => {
    const problem = refusal === undefined ? basePathProblem(basePath) : undefined;
    return problem === undefined ? [] : [`model "${name}": base path ${basePath} ${problem}`];
  });
  return [...ofOptions, ...ofModels];
}

/** The values of options that name files or folders, as far as they are given. */
function pathsOf(
  table: OptionTable,
  options: ServeOptions,
  origins: ReadonlyMap<string, Origin>,
): readonly { readonly path: string; readonly place: string }[] {
  return Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    const origin = origins.get(name);
    if (origin === undefined || origin.kind === 'default' || MODELS.has(name) || !namesPath(name, table)) return [];
    const paths = (Array.isArray(value) ? value : [value]) as readonly unknown[];
    const isPath = (path: unknown): path is string => typeof path === 'string' && path !== '' && path !== 'stdout';
    return paths.filter(isPath).map((path) => ({ path, place: origin.place }));
  });
}

function namesPath(name: string, table: OptionTable): boolean {
  return name.endsWith('_socket_path') || /FILE|DIR/.test(table[name]?.placeholder ?? '');
}

function basePathProblem(basePath: string): string | undefined {
  let names: readonly string[];
  try {
    names = readdirSync(basePath);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'is not there: the server will wait for it';
    return code === 'ENOTDIR' ? 'is no directory' : `cannot be read (${code})`;
  }
  if (names.some((name) => /^\d+$/.test(name))) return undefined;
  return `has no version, such as ${join(basePath, '1')}: the server will wait for one`;
}

/**
 * The models of Triton model repositories: `REPOSITORY/NAME/config.pbtxt` and `REPOSITORY/NAME/1/model.onnx`. Each
 * directory is a model, except those whose name begins with a dot. A link to a directory is one too.
 */
import { readdirSync, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { urlProblem } from '../../../config/base-path.ts';
import { loadConfigFile, readConfigFile } from '../../../config/config-file.ts';
import type { ModelDefaults } from '../../../config/model-config.ts';
import { withLabelStamp, withLabelStampNow } from './label-stamp.ts';
import { CONFIG_FILE, modelOfEntry, type RepositoryEntry, type RepositoryModel } from './model-of-config.ts';

export interface RepositoryContent {
  /** The models by name, in alphabetical order. */
  readonly models: readonly RepositoryModel[];
  /** Directories that are no model. */
  readonly problems: readonly string[];
  /** Repositories that cannot be read. */
  readonly unreadable: readonly string[];
}

/** A name that requests can have: a space may be in it, and no other white space. */
const MODEL_NAME = /^(?! )[^/:\t-\r]+(?<! )$/;

/** Blocks: for the start, when nothing is served yet. */
export function readRepositories(directories: readonly string[], defaults: ModelDefaults): RepositoryContent {
  const found = new FoundModels();
  for (const directory of found.local(directories)) {
    try {
      for (const name of readdirSync(directory)) {
        if (isDirectory(join(directory, name))) found.add(directory, name);
      }
    } catch (error) {
      found.cannotRead(directory, error);
    }
  }
  const models = found.places.map((place) => {
    const file = readConfigFile(join(place.directory, CONFIG_FILE), 'regular');
    return withLabelStampNow(modelOfEntry({ ...place, file }, defaults));
  });
  return { models, problems: found.problems, unreadable: found.unreadable };
}

/** False for what cannot be looked at, such as a link to itself. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The same without blocking the event loop. Never rejects. */
export async function loadRepositories(
  directories: readonly string[],
  defaults: ModelDefaults,
): Promise<RepositoryContent> {
  const found = await findModels(directories);
  const models: RepositoryModel[] = [];
  for (const place of found.places) models.push(await loadModel(place, defaults));
  return { models, problems: found.problems, unreadable: found.unreadable };
}

/** One model of the repositories; undefined if none has it. Never rejects. `name` may be anything. */
export async function loadRepositoryModel(
  directories: readonly string[],
  name: string,
  defaults: ModelDefaults,
): Promise<RepositoryModel | undefined> {
  const place = (await findModels(directories)).places.find((each) => each.name === name);
  return place && loadModel(place, defaults);
}

/** The names of the repositories' models. Never rejects. */
export async function repositoryNames(directories: readonly string[]): Promise<readonly string[]> {
  return (await findModels(directories)).places.map(({ name }) => name);
}

async function findModels(directories: readonly string[]): Promise<FoundModels> {
  const found = new FoundModels();
  for (const directory of found.local(directories)) {
    try {
      for (const name of await readdir(directory)) {
        const stats = await stat(join(directory, name)).catch(() => undefined);
        if (stats?.isDirectory() === true) found.add(directory, name);
      }
    } catch (error) {
      found.cannotRead(directory, error);
    }
  }
  return found;
}

async function loadModel(place: Place, defaults: ModelDefaults): Promise<RepositoryModel> {
  const file = await loadConfigFile(join(place.directory, CONFIG_FILE), 'regular');
  return withLabelStamp(modelOfEntry({ ...place, file }, defaults));
}

type Place = Omit<RepositoryEntry, 'file'>;

class FoundModels {
  readonly problems: string[] = [];
  readonly unreadable: string[] = [];
  readonly #byName = new Map<string, Place>();

  get places(): readonly Place[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  add(repository: string, name: string): void {
    if (name.startsWith('.')) return;
    const directory = join(repository, name);
    const first = this.#byName.get(name);
    if (first !== undefined) this.#byName.set(name, { ...first, twin: first.twin ?? directory });
    else if (MODEL_NAME.test(name)) this.#byName.set(name, { name, directory });
    else
      this.problems.push(
        `${directory} is not served: a model's name may hold spaces within, and neither ":" nor other white space`,
      );
  }

  /** The absolute paths of those that are no URIs, each once. */
  local(directories: readonly string[]): ReadonlySet<string> {
    const paths = new Set<string>();
    for (const directory of directories) {
      const problem = urlProblem(directory);
      if (problem === undefined) paths.add(resolve(directory));
      else this.unreadable.push(`model repository ${problem}`);
    }
    return paths;
  }

  cannotRead(directory: string, error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such directory' : `it cannot be read: ${message}`;
    this.unreadable.push(`model repository ${directory}: ${why}`);
  }
}

/**
 * `pillion init`: a model's file → a directory that is served.
 *
 *   models/churn/1/model.onnx      copied or linked
 *   models/churn/1/pillion.yaml    what was found, as comments
 *   models/churn/request.json      a request that the model has been run on
 *
 * The version is made in a folder that no server takes for one, loaded there, and renamed when all is well: a server that
 * watches models/churn finds a whole version or none.
 */
import { constants, existsSync } from 'node:fs';
import { chmod, copyFile, link, mkdtemp, realpath, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import type { Backends } from '../../backends/backends.ts';
import { visible } from '../../core/terminal/visible-text.ts';
import { makeDirectory } from '../../files/make-directory.ts';
import { print } from '../../kernel/command.ts';
import { showBytes } from '../../models/memory/model-memory.ts';
import { type FoundModel, findModel } from './found-model.ts';
import { type ModelFiles, modelFiles } from './model-files.ts';
import { modelYaml } from './model-yaml.ts';

/** The options of command.ts. */
interface InitOptions {
  readonly files: readonly string[];
  /** Empty = as the file. */
  readonly name: string;
  readonly models: string;
  readonly version: number;
  readonly link: boolean;
}

/** A folder may bring one, which stays as it is. */
const OWN_FILE = 'pillion.yaml';

/** Why a directory cannot be made, by the system's code. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOENT: 'the system makes no directories there',
  ENOTDIR: 'a file is in its way',
  ENOSPC: 'the disk is full',
};

/** Resolves with the exit status. Rejects with an Error for the user; nothing is left behind then. */
export async function init(options: InitOptions, backends: Backends): Promise<number> {
  const found = await modelFiles(options.files);
  const name = options.name === '' ? found.name : options.name;
  const base = join(options.models, name);
  const target = join(base, String(options.version));
  if (existsSync(target)) {
    throw new Error(`${target} exists already, and nothing was written; give another --version or --name`);
  }
  const made = await makeBase(base);
  let staging: string | undefined;
  try {
    // A process of another container, with the same id, may make a model in the same place.
    staging = await mkdtemp(join(base, '.init-'));
    await chmod(staging, 0o777 & ~process.umask());
    const bytes = await place(found, staging, options.link);
    const model = await load(staging, options.files[0]!, backends);
    const yaml = join(staging, OWN_FILE);
    const isOwn = existsSync(yaml);
    if (!isOwn) {
      await writeFile(yaml, modelYaml({ name, version: options.version, source: options.files[0]! }, model));
    }
    await rename(staging, target);
    const isWritten = await writeRequest(base, model);
    print(report({ ...options, name, base, target, bytes, isOwn, isWritten }, model));
    return 0;
  } catch (error) {
    if (staging !== undefined) await rm(staging, { recursive: true, force: true });
    if (made !== undefined) await removeEmpty(base, dirname(resolve(made)));
    throw error;
  }
}

/** Resolves as `makeDirectory`. */
async function makeBase(base: string): Promise<string | undefined> {
  try {
    return await makeDirectory(base);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = REASONS[code ?? ''] ?? message;
    throw new Error(`${base} cannot be made: ${why}; say by --models where models go`, { cause: error });
  }
}

/** Removes the folders that this command made, from the inmost to below `end`, as long as they are empty. */
async function removeEmpty(directory: string, end: string): Promise<void> {
  for (let each = resolve(directory); each !== end; each = dirname(each)) {
    if (
      !(await rmdir(each).then(
        () => true,
        () => false,
      ))
    )
      return;
  }
}

/** Resolves with the bytes of all files. */
async function place({ files }: ModelFiles, directory: string, isLinked: boolean): Promise<number> {
  let bytes = 0;
  for (const { from, to } of files) {
    const path = join(directory, to);
    await makeDirectory(dirname(path));
    if (isLinked) await hardLink(from, path);
    else await copyFile(from, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    bytes += (await stat(path)).size;
  }
  return bytes;
}

async function hardLink(from: string, to: string): Promise<void> {
  try {
    // The link is to the file itself, where `from` is a symbolic link to it.
    await link(await realpath(from), to);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EXDEV' ? 'it is on another file system' : message;
    throw new Error(`${from} cannot be linked: ${why}; leave out --link, and it is copied`);
  }
}

/** Errors name the folder in which the model is now, which nobody else has seen. */
async function load(directory: string, source: string, backends: Backends): Promise<FoundModel> {
  try {
    return await findModel(directory, backends);
  } catch (error) {
    const text = (error as Error).message.replaceAll(directory, source).replaceAll(resolve(directory), source);
    throw new Error(`it cannot be served: ${text}`, { cause: error });
  }
}

/** A request that is there stays as it is. Resolves with whether one was written. */
async function writeRequest(base: string, { sample }: FoundModel): Promise<boolean> {
  if (sample.body === undefined) return false;
  try {
    await writeFile(join(base, 'request.json'), `${sample.body}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

interface Written extends InitOptions {
  readonly base: string;
  readonly target: string;
  readonly bytes: number;
  /** The model brought a pillion.yaml of its own. */
  readonly isOwn: boolean;
  /** A request was written. */
  readonly isWritten: boolean;
}

function report(written: Written, { kind, sample, notes }: FoundModel): string {
  const { files, name, base, target, bytes, isOwn, isWritten } = written;
  const request = join(base, 'request.json');
  const how = written.link ? 'linked to' : 'copied from';
  const requestLine =
    sample.body === undefined
      ? `no request: ${sample.refusal}`
      : isWritten
        ? `${request}  a request of zeros: put in values of your own`
        : `${request}  was there, and stays as it was`;
  const lines = [
    `${join(target, '')}  ${how} ${files[0]} (${kind}, ${showBytes(bytes)})`,
    `${join(target, OWN_FILE)}  ${isOwn ? 'came with it' : 'what was found in it'}`,
    requestLine,
    ...notes.map((note) => `note: ${note.replaceAll(/\s+/g, ' ')}`),
    ...(sample.body !== undefined && sample.refusal !== undefined
      ? [`the model refused the request of zeros, so change it first: ${sample.refusal}`]
      : []),
    '',
    `  pillion serve --model=${quoted(`${name}=${base}`)}`,
    ...(existsSync(request) ? [`  pillion predict ${name} ${quoted(request)}`] : []),
  ];
  return `${lines.map(visible).join('\n')}\n`;
}

/** The word is written as a shell takes it. */
function quoted(word: string): string {
  return /^[\w./=:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

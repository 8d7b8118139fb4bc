/**
 * The backends of a server, and which of them opens a version directory: the one that the model's config names, or the
 * first that recognises the files. What else lists runtimes asks here: the schema of a model's pillion.yaml, error texts,
 * what `auto` and a shadow choose from, what clients may name.
 *
 * A kind is that of a backend which has been installed, an npm package, or a file's path or `file:` URL, whose module
 * exports `backend`: docs/how-to/add-a-backend.md. Only the server's own configuration may name a plug-in:
 * a list of models from a caller may not.
 */
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AUTO_RUNTIME } from '../config/model-config.ts';
import { leftOut } from '../config/read-options.ts';
import type { ServingError } from '../core/errors.ts';
import type { BatchAxes } from '../core/signature.ts';
import type { Backend, BackendFacts, InstalledBackend, LengthReading, RowVerdict } from './backend.ts';
import { importBackend, loadFailed, ONNX_MODULE, textOf } from './import-backend.ts';
import { findModelFile, hasModelFile } from './onnx/model-file.ts';
import { ONNX_FACTS } from './onnx/onnx-facts.ts';

/** The kernel's own. */
const ONNX: InstalledBackend = {
  kind: 'onnx',
  module: ONNX_MODULE,
  looksFor: 'model.onnx, or one other *.onnx file',
  facts: ONNX_FACTS,
  probe: hasModelFile,
  judgeRows: async (directory, axes) =>
    (await import('./onnx/graph/judge-graph.ts')).judgeGraph(await findModelFile(directory), axes),
  readLengths: async (directory) =>
    (await import('./onnx/graph/lengths/read-lengths.ts')).readLengths(await findModelFile(directory)),
  workBounds: async (directory) =>
    (await import('./onnx/graph/work-bounds.ts')).workBounds(await findModelFile(directory)),
};

/** The backend of a version. */
export interface FoundBackend extends Pick<InstalledBackend, 'module' | 'judgeRows' | 'readLengths' | 'workBounds'> {
  /** The name that a model's config has for it: a kind, or a plug-in's module. */
  readonly kind: string;
  readonly facts: BackendFacts;
}

/** A feature, as far as it installs backends. */
interface BackendFeature {
  readonly name: string;
  readonly backends?: readonly InstalledBackend[];
}

/** A server's backends: ONNX Runtime's, and those that features install. */
export class Backends {
  /** Names of the backends that need no plug-in. */
  readonly kinds: readonly string[];
  /** The order is that in which they probe a directory, and in which `auto` prefers them. */
  readonly #installed: readonly InstalledBackend[];
  readonly #absent: readonly BackendFeature[];

  /** `others`: the cheapest to load first. `absent`: features that were left out, and are named in errors. */
  constructor(others: readonly InstalledBackend[] = [], absent: readonly BackendFeature[] = []) {
    const elsewhere = others.filter(({ isElsewhere }) => isElsewhere);
    const here = others.filter(({ isElsewhere }) => isElsewhere !== true);
    this.#installed = [...elsewhere, ONNX, ...here];
    this.kinds = this.#installed.map(({ kind }) => kind);
    this.#absent = absent;
  }

  /**
   * The backend for the directory: `requestedKind` if given, else the first that recognises the files; for `auto` that one
   * stands for the one that will be chosen. Rejects with `load_failed` for an unknown kind, and a directory without a
   * model. Imports no runtime but a plug-in's.
   */
  async find(versionDirectory: string, requestedKind?: string): Promise<FoundBackend> {
    if (requestedKind !== undefined && requestedKind !== AUTO_RUNTIME) return this.#named(requestedKind);
    for (const each of this.#installed) {
      if (each.looksFor !== undefined && (await hasArtifact(each, versionDirectory))) return found(each);
    }
    throw await this.#nothingRecognised(versionDirectory);
  }

  /** The module of a plug-in; undefined for a kind that needs none, which may be the name of some other package. */
  plugInOf(kind: string | undefined): string | undefined {
    return kind === undefined || kind === AUTO_RUNTIME || this.kinds.includes(kind) ? undefined : kind;
  }

  /** Rejects with `load_failed` if there is no backend of this kind. Imports a plug-in. */
  async check(kind: string): Promise<void> {
    if (this.plugInOf(kind) !== undefined) await this.#importPlugIn(kind);
  }

  /**
   * The kinds of the artifacts in the directory, preferred first; a family appears as its members. Backends that cannot
   * be imported here are left out.
   */
  async artifactKinds(versionDirectory: string): Promise<readonly string[]> {
    const kinds: string[] = [];
    for (const each of this.#installed) {
      if (each.isElsewhere === true || each.family !== undefined) continue;
      if (await hasArtifact(each, versionDirectory).catch(() => false)) kinds.push(each.kind);
    }
    return kinds;
  }

  /** The kind that `artifactKinds` has for `kind`: of a family, the first member with an artifact. */
  namedArtifact(kind: string, kinds: readonly string[]): string {
    const family = this.#installed.find((each) => each.kind === kind)?.family;
    return kinds.find((each) => family?.includes(each)) ?? kind;
  }

  async #named(kind: string): Promise<FoundBackend> {
    const installed = this.#installed.find((each) => each.kind === kind);
    if (installed !== undefined) return found(installed);
    return imported(kind, kind, await this.#importPlugIn(kind));
  }

  async #importPlugIn(specifier: string): Promise<Backend> {
    const absent = this.#absent.find(({ backends = [] }) => backends.some(({ kind }) => kind === specifier));
    if (absent !== undefined) throw loadFailed(`backend "${specifier}" ${leftOut(absent)}`);
    const kinds = this.kinds.join(', ');
    if (FOREIGN_URL.test(specifier)) {
      const shown = JSON.stringify(specifier.slice(0, 100));
      throw loadFailed(`backend ${shown} is neither built in (${kinds}) nor a package or file`);
    }
    if (/^\.\.?\//.test(specifier)) {
      // import() would look for it beside this file.
      throw loadFailed(`backend "${specifier}" is a relative path; write it in full: "${resolve(specifier)}"`);
    }
    return importBackend(specifier, `is not built in (${kinds}) and cannot be imported as a package`);
  }

  async #nothingRecognised(versionDirectory: string): Promise<ServingError> {
    const wanted = this.#installed
      .flatMap(({ kind, looksFor }) => (looksFor === undefined ? [] : [`${looksFor} (${kind})`]))
      .join('; ');
    let there: string;
    try {
      const names = await readdir(versionDirectory);
      there = names.length === 0 ? 'it is empty' : `it holds ${names.slice(0, 5).join(', ')}`;
    } catch (error) {
      there = textOf(error);
    }
    return loadFailed(`"${versionDirectory}" has no model that can be served: ${there}; wanted ${wanted}`);
  }
}

/** A URL that contains code, or leads to another host. */
const FOREIGN_URL = /^(?!file:)[a-z][a-z0-9+.-]*:/i;

async function found(installed: InstalledBackend): Promise<FoundBackend> {
  const { kind, module, facts } = installed;
  return facts === undefined ? imported(kind, module, await importBackend(module)) : { ...installed, facts };
}

function imported(kind: string, module: string, facts: Backend): FoundBackend {
  const judgeRows = facts.judgeRows?.bind(facts);
  const readLengths = facts.readLengths?.bind(facts);
  return {
    ...{ kind, module, facts },
    ...(judgeRows !== undefined && { judgeRows }),
    ...(readLengths !== undefined && { readLengths }),
  };
}

async function hasArtifact({ probe, module }: InstalledBackend, versionDirectory: string): Promise<boolean> {
  return probe === undefined ? (await importBackend(module)).probe(versionDirectory) : probe(versionDirectory);
}

/** The installed execution providers of ONNX Runtime, e.g. 'onnx:cpu', for the start line. */
export async function installedProviders(): Promise<readonly string[]> {
  try {
    return (await import('./onnx/onnx-backend.ts')).installedProviders().map((provider) => `onnx:${provider}`);
  } catch {
    // A runtime that cannot be loaded reports why when a model needs it.
    return [];
  }
}

/**
 * Reads where the arithmetic of a signature may change with the length of its rows; a file that cannot be read, or a
 * graph of a kind that cannot be, is `unread`.
 */
export async function readLengths(
  backend: Pick<FoundBackend, 'readLengths' | 'kind'>,
  versionDirectory: string,
  signatureName?: string,
): Promise<LengthReading> {
  try {
    const reading = await backend.readLengths?.(versionDirectory, signatureName);
    return reading ?? { kind: 'unread', reason: `graphs of the runtime ${backend.kind} cannot be read for it` };
  } catch (error) {
    return { kind: 'unread', reason: `the graph cannot be read: ${textOf(error)}` };
  }
}

/**
 * Judges the rows of a signature by the artifact's graph; undefined = graphs of this kind cannot be read. `axes`: the
 * batch axis of each tensor; default: dim 0 of all. A file that cannot be read is `undecided`.
 */
export async function judgeRows(
  backend: Pick<FoundBackend, 'judgeRows'>,
  versionDirectory: string,
  axes?: BatchAxes,
  signatureName?: string,
): Promise<RowVerdict | undefined> {
  try {
    return await backend.judgeRows?.(versionDirectory, axes, signatureName);
  } catch (error) {
    return { kind: 'undecided', reason: `the graph cannot be read: ${textOf(error)}` };
  }
}

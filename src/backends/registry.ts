/**
 * The built-in backends, and which of them opens a version directory: the one that the model's config names, or the
 * first of the table below that recognises the files.
 *
 * To build a backend in, add a line to the table. What else lists runtimes follows it: the schema of a model's
 * pillion.yaml (npm run gen -- schema), error texts, what `auto` and a shadow choose from, what clients may name.
 *
 * A kind is a built-in backend, an installed npm package, or a file's path or `file:` URL, whose module exports
 * `backend`: docs/how-to/add-a-backend.md. Only the server's own configuration may name a plug-in;
 * proxy/handlers/reload-limits.ts rejects those in lists that clients send. A backend's runtime is imported at first
 * use, so a process loads only the native libraries that its models need. Node's module cache keeps them.
 */
// This import comes before any runtime, including those of plug-ins.
import '../internals/runtime-telemetry.ts';
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ServingError } from '../core/errors.ts';
import type { BatchAxes } from '../core/signature.ts';
import type { Backend, BackendFacts, RowVerdict, WorkBounds } from './backend.ts';
import { findModelFile, hasModelFile } from './onnx/model-file.ts';
import { ONNX_FACTS } from './onnx/onnx-facts.ts';
import { hasRemoteFile } from './remote/has-remote-file.ts';

interface BuiltIn {
  readonly kind: string;
  /** It runs models on this machine, and its artifact is one kind: `auto` and a shadow choose among such. */
  readonly isLocal: boolean;
  /** Its kind is a family of these kinds, and opens the first of their artifacts that is there. */
  readonly family?: readonly string[];
  /** The artifacts that it recognises, for people. Absent = it is opened only by name. */
  readonly looksFor?: string;
  readonly open: () => Promise<Backend>;
  /** The backend's own, where it cannot be imported without its runtime. Then `probe` is here, too. */
  readonly facts?: BackendFacts;
  /** The backend's own, where it cannot be imported without its runtime. */
  readonly probe?: Backend['probe'];
  readonly judgeRows?: Backend['judgeRows'];
  /** The bounds of the work of the artifact's runs. Absent = nobody can tell before they are measured. */
  readonly workBounds?: (versionDirectory: string) => Promise<WorkBounds>;
}

/** The backends in the order in which they probe a directory and `auto` prefers them: the cheapest to load is first. */
const BUILT_IN: readonly BuiltIn[] = [
  {
    kind: 'remote',
    isLocal: false,
    looksFor: 'remote.yaml, which names another server',
    open: async () => (await import('./remote/remote-backend.ts')).backend,
    probe: hasRemoteFile,
  },
  {
    kind: 'onnx',
    isLocal: true,
    looksFor: 'model.onnx, or one other *.onnx file',
    open: async () => (await import('./onnx/onnx-backend.ts')).backend,
    facts: ONNX_FACTS,
    probe: hasModelFile,
    judgeRows: async (directory, axes) =>
      (await import('./onnx/graph/judge-graph.ts')).judgeGraph(await findModelFile(directory), axes),
    workBounds: async (directory) =>
      (await import('./onnx/graph/work-bounds.ts')).workBounds(await findModelFile(directory)),
  },
  {
    kind: 'trees',
    isLocal: true,
    looksFor: 'model.json or model.txt of XGBoost or LightGBM',
    open: async () => (await import('./trees/trees-backend.ts')).backend,
  },
  {
    kind: 'tfjs',
    isLocal: false,
    family: ['saved_model', 'tfjs_model'],
    looksFor: 'saved_model.pb, or model.json of TensorFlow.js',
    open: async () => (await import('./tfjs/tfjs-backend.ts')).backend,
  },
  {
    kind: 'saved_model',
    isLocal: true,
    open: async () => (await import('./tfjs/tfjs-backend.ts')).savedModelBackend,
  },
  {
    kind: 'tfjs_model',
    isLocal: true,
    open: async () => (await import('./tfjs/tfjs-backend.ts')).tfjsModelBackend,
  },
];

/** Names of the backends that need no plug-in. */
export const BACKEND_KINDS: readonly string[] = BUILT_IN.map(({ kind }) => kind);

/** The installed execution providers of the built-in runtimes, e.g. 'onnx:cpu', for the start line. */
export async function installedProviders(): Promise<readonly string[]> {
  try {
    return (await import('./onnx/onnx-backend.ts')).installedProviders().map((provider) => `onnx:${provider}`);
  } catch {
    // A runtime that cannot be loaded reports why when a model needs it.
    return [];
  }
}

/**
 * The backend for the directory: `requestedKind` if given, else the first that recognises the files. Rejects with
 * `load_failed` for an unknown kind, a runtime that cannot be loaded on this machine, and a directory without a model.
 */
export async function backendFor(versionDirectory: string, requestedKind?: string): Promise<Backend> {
  if (requestedKind !== undefined) return openBackend(requestedKind);
  for (const { kind, looksFor, probe } of BUILT_IN) {
    if (looksFor === undefined || (await probe?.(versionDirectory)) === false) continue;
    const backend = await openBackend(kind);
    if (probe !== undefined || (await backend.probe(versionDirectory))) return backend;
  }
  throw await nothingRecognised(versionDirectory);
}

/** The facts of `backendFor`'s backend. Rejects likewise, but for a runtime that only a load needs. */
export async function backendFactsFor(versionDirectory: string, requestedKind?: string): Promise<BackendFacts> {
  const found = requestedKind === undefined ? await firstProbed(versionDirectory) : builtIn(requestedKind);
  return found?.facts ?? backendFor(versionDirectory, requestedKind);
}

/** The first that recognises the files without being imported. Those are the first of the table. */
async function firstProbed(versionDirectory: string): Promise<BuiltIn | undefined> {
  for (const each of BUILT_IN) if ((await each.probe?.(versionDirectory)) === true) return each;
  return undefined;
}

/**
 * The kinds of the artifacts in the directory, preferred first; a family appears as its members.
 * Runtimes that this machine cannot load, and remote models, are left out.
 */
export async function artifactKinds(versionDirectory: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { kind, isLocal } of BUILT_IN) {
    if (!isLocal) continue;
    const backend = await openBackend(kind).catch(() => undefined);
    if ((await backend?.probe(versionDirectory)) === true) found.push(kind);
  }
  return found;
}

/** The kind that `artifactKinds` has for `kind`: of a family, the first member with an artifact. */
export function namedArtifact(kind: string, found: readonly string[]): string {
  const family = builtIn(kind)?.family;
  return found.find((each) => family?.includes(each)) ?? kind;
}

/** Rejects with `load_failed` if there is no backend of this kind. Imports a plug-in. */
export async function checkBackendKind(kind: string): Promise<void> {
  if (builtIn(kind) === undefined) await importPlugIn(kind);
}

/**
 * Judges the rows of a signature by the artifact's graph; undefined = graphs of this kind cannot be read. `axes`:
 * the batch axis of each tensor; default: dim 0 of all. A file that cannot be read is `undecided`.
 */
export async function judgeRows(
  kind: string,
  versionDirectory: string,
  axes?: BatchAxes,
  signatureName?: string,
): Promise<RowVerdict | undefined> {
  try {
    const known = builtIn(kind);
    // A backend that is imported without its runtime has its own.
    const { judgeRows } = known?.judgeRows === undefined ? await openBackend(kind) : known;
    return await judgeRows?.(versionDirectory, axes, signatureName);
  } catch (error) {
    return { kind: 'undecided', reason: `the graph cannot be read: ${textOf(error)}` };
  }
}

/** Undefined = it is not known of artifacts of this kind. Rejects with `load_failed` if there is no artifact. */
export async function workBoundsFor(versionDirectory: string, kind: string): Promise<WorkBounds | undefined> {
  return builtIn(kind)?.workBounds?.(versionDirectory);
}

function builtIn(kind: string): BuiltIn | undefined {
  return BUILT_IN.find((each) => each.kind === kind);
}

async function openBackend(kind: string): Promise<Backend> {
  const found = builtIn(kind);
  if (found === undefined) return importPlugIn(kind);
  try {
    return await found.open();
  } catch (cause) {
    const text = `backend "${kind}" cannot be loaded on this machine: ${textOf(cause)}`;
    throw loadFailed(`${text}; install Pillion's packages again`, cause);
  }
}

/** A URL that contains code, or leads to another host. */
const FOREIGN_URL = /^(?!file:)[a-z][a-z0-9+.-]*:/i;

async function importPlugIn(specifier: string): Promise<Backend> {
  const kinds = BACKEND_KINDS.join(', ');
  if (FOREIGN_URL.test(specifier)) {
    const shown = JSON.stringify(specifier.slice(0, 100));
    throw loadFailed(`backend ${shown} is neither built in (${kinds}) nor a package or file`);
  }
  if (/^\.\.?\//.test(specifier)) {
    // import() would look for it beside this file.
    throw loadFailed(`backend "${specifier}" is a relative path; write it in full: "${resolve(specifier)}"`);
  }
  let module: { readonly backend?: unknown };
  try {
    module = await import(specifier);
  } catch (cause) {
    const text = `backend "${specifier}" is not built in (${kinds}) and cannot be imported as a package`;
    throw loadFailed(`${text}: ${textOf(cause)}`, cause);
  }
  if (isBackend(module.backend)) return module.backend;
  throw loadFailed(`backend "${specifier}" is a module without an export \`backend\` that has kind, probe and load`);
}

function isBackend(value: unknown): value is Backend {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, probe, load } = value as Partial<Record<keyof Backend, unknown>>;
  return typeof kind === 'string' && typeof probe === 'function' && typeof load === 'function';
}

async function nothingRecognised(versionDirectory: string): Promise<ServingError> {
  const wanted = BUILT_IN.flatMap(({ kind, looksFor }) =>
    looksFor === undefined ? [] : [`${looksFor} (${kind})`],
  ).join('; ');
  let found: string;
  try {
    const names = await readdir(versionDirectory);
    found = names.length === 0 ? 'it is empty' : `it holds ${names.slice(0, 5).join(', ')}`;
  } catch (error) {
    found = textOf(error);
  }
  return loadFailed(`"${versionDirectory}" has no model that can be served: ${found}; wanted ${wanted}`);
}

function loadFailed(text: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', text, { cause });
}

/** The first line of an error: import errors continue with a list of requiring files. */
function textOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).split('\n', 1)[0]!;
}

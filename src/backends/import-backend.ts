/**
 * Imports a backend by its module, in the server, in threads and in processes. Each module exports `backend`. A runtime
 * is imported at first use, so a process loads only the native libraries that its models need. Node's module cache keeps
 * them.
 */
// This import comes before any runtime, including those of plug-ins.
import '../internals/runtime-telemetry.ts';
import { ServingError } from '../core/errors.ts';
import type { Backend } from './backend.ts';

/** The module of the kernel's own backend. It is a part of the scripts that servers and threads start with. */
export const ONNX_MODULE = 'onnx';

/**
 * @param module ONNX_MODULE, a URL, or the name of an npm package
 * @param what says of a module that cannot be imported what it is
 */
export async function importBackend(module: string, what = 'cannot be imported'): Promise<Backend> {
  if (module === ONNX_MODULE) return importOnnx();
  let found: { readonly backend?: unknown };
  try {
    found = await import(module);
  } catch (cause) {
    throw loadFailed(`backend "${module}" ${what}: ${textOf(cause)}`, cause);
  }
  if (isBackend(found.backend)) return found.backend;
  throw loadFailed(`backend "${module}" is a module without an export \`backend\` that has kind, probe and load`);
}

async function importOnnx(): Promise<Backend> {
  try {
    return (await import('./onnx/onnx-backend.ts')).backend;
  } catch (cause) {
    const text = `backend "onnx" cannot be loaded on this machine: ${textOf(cause)}`;
    throw loadFailed(`${text}; install Pillion's packages again`, cause);
  }
}

function isBackend(value: unknown): value is Backend {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, probe, load } = value as Partial<Record<keyof Backend, unknown>>;
  return typeof kind === 'string' && typeof probe === 'function' && typeof load === 'function';
}

export function loadFailed(text: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', text, { cause });
}

/** The first line of an error: import errors continue with a list of requiring files. */
export function textOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).split('\n', 1)[0]!;
}

/** Routes, to which the paths of every REST protocol lead, and how paths are read. */
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';

/** Routes of every protocol: OPTIONS, and what there is no route for. */
type CommonKind = 'options' | 'error';

export interface Route<Kind extends string = string> {
  readonly kind: Kind | CommonKind;
  /** The method's name in records: 'Predict', …; 'unknown' for paths that are no API method. */
  readonly method: string;
  /** The model that the path names; NO_MODEL if it names none. */
  readonly spec: ModelSpec;
  /** The region of shared memory that the path names; absent or empty if it names none. */
  readonly region?: string;
  /** The value of the `Allow` header, for options and for an error about the method. */
  readonly allow: string | undefined;
  /** Set if kind is 'error'. */
  readonly error: ServingError | undefined;
}

export const NO_MODEL: ModelSpec = { name: '' };
export const READ = 'GET, HEAD, OPTIONS';
export const WRITE = 'POST, OPTIONS';

export function route<Kind extends string = never>(
  kind: Kind | CommonKind,
  method: string,
  spec: ModelSpec,
  allow?: string,
): Route<Kind> {
  return { kind, method, spec, allow, error: undefined };
}

/** A GET path. */
export function readable<Kind extends string>(
  method: string,
  path: string,
  kind: Kind,
  name: string,
  spec: ModelSpec,
): Route<Kind> {
  if (method === 'GET' || method === 'HEAD') return route(kind, name, spec);
  return method === 'OPTIONS' ? route<Kind>('options', name, spec, READ) : wrongMethod(method, path, READ, 'GET');
}

export function failure(error: ServingError): Route<never> {
  return { kind: 'error', method: 'unknown', spec: NO_MODEL, allow: undefined, error };
}

export function wrongMethod(method: string, path: string, allow: string, use: string): Route<never> {
  const error = new ServingError('method_not_allowed', `${method} is not possible on ${quoteName(path)}; use ${use}`);
  return { ...failure(error), allow };
}

/** The path of a request line's target: a path, with or without a query, or an absolute URL. */
export function pathOf(url: string): string {
  const query = url.indexOf('?');
  const target = query === -1 ? url : url.slice(0, query);
  if (target.startsWith('/') || target === '*') return target;
  // Absolute form, as to a proxy: http://host/path.
  const slash = target.indexOf('/', target.indexOf('://') + 3);
  return slash === -1 ? '/' : target.slice(slash);
}

/** A percent-decoded segment of a path; a ServingError if it cannot be decoded. */
export function decodedSegment(segment: string): string | ServingError {
  try {
    return decodeURIComponent(segment);
  } catch {
    const text = `the path ${quoteName(segment)} has a % that begins no escape of UTF-8; write % itself as %25`;
    return invalidRequest(text);
  }
}

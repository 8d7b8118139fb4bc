/** The authorization file together with the JWKS that it names, read from the disk: at the start, and anew. */
import { dirname, resolve } from 'node:path';
import type { FileResult } from '../../config/config-file.ts';
import type { openYaml } from '../../config/yaml/yaml-document.ts';
import { hashOf } from '../../files/content-hash.ts';
import { readAuthorizationRules } from './authorization-file.ts';
import type { AuthorizationRules } from './authorization-schema.ts';
import { type KeySet, readKeySet } from './key-set.ts';

export interface Authorization {
  readonly rules: AuthorizationRules;
  /** The keys of JWTs; undefined without `jwt` in the file. */
  readonly keySet: KeySet | undefined;
  /** The files that it was read from. */
  readonly paths: readonly string[];
  /** The hash of their contents. */
  readonly hash: string;
}

export type AuthorizationResult =
  | { readonly authorization: Authorization; readonly errors?: undefined }
  | { readonly errors: readonly string[]; readonly authorization?: undefined };

/** How files are read. */
export interface Reading<Result> {
  readonly read: (path: string) => Result;
  readonly openYaml: typeof openYaml;
}

/** `steps` of `readAuthorization`, with a reader that blocks. */
export function readAuthorizationNow(path: string, { read, openYaml }: Reading<FileResult>): AuthorizationResult {
  const steps = readAuthorization(path, openYaml);
  for (let step = steps.next(); ; step = steps.next(read(step.value))) if (step.done === true) return step.value;
}

/** The same without blocking. Never rejects, if `read` does not. */
export async function loadAuthorization(
  path: string,
  { read, openYaml }: Reading<Promise<FileResult>>,
): Promise<AuthorizationResult> {
  const steps = readAuthorization(path, openYaml);
  for (let step = steps.next(); ; step = steps.next(await read(step.value))) if (step.done === true) return step.value;
}

/** Yields the paths of the files that it wants, and gets what is in them. */
function* readAuthorization(path: string, open: typeof openYaml): Generator<string, AuthorizationResult, FileResult> {
  const file = yield path;
  if (file.bytes === undefined) return { errors: [file.error] };
  const errors: string[] = [];
  const rules = readAuthorizationRules(open(path, file.bytes), path, errors);
  if (rules === undefined) return { errors };
  const { jwt } = rules;
  if (jwt === undefined) {
    return { authorization: { rules, keySet: undefined, paths: [path], hash: hashOf([file.bytes]) } };
  }
  const keysPath = resolve(dirname(path), jwt.jwks_file);
  const keysFile = yield keysPath;
  if (keysFile.bytes === undefined) return { errors: [keysFile.error] };
  const keySet = readKeySet(keysPath, keysFile.bytes, jwt.algorithms, errors);
  if (keySet === undefined) return { errors };
  const hash = hashOf([file.bytes, keysFile.bytes]);
  return { authorization: { rules, keySet, paths: [path, keysPath], hash } };
}

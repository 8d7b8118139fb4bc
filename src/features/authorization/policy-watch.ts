/**
 * Reads the authorization file, and the JWKS that it names, anew when one of them has changed, and when asked. A file with
 * a mistake, or one that is gone, changes nothing: the policy before stays, and the log says so.
 */

import { type FileResult, loadConfigFile } from '../../config/config-file.ts';
import { openYaml } from '../../config/yaml/yaml-document.ts';
import { FileWatch, type Polling } from '../../files/file-watch.ts';
import { type Authorization, loadAuthorization } from './authorization.ts';

export interface PolicyWatchOptions extends Polling {
  readonly path: string;
  readonly start: Authorization;
  /** Says what is wrong with an authorization that can be read; empty = nothing. */
  readonly check: (authorization: Authorization) => readonly string[];
  readonly onRead: (authorization: Authorization) => void;
  readonly onInvalid: (errors: readonly string[]) => void;
  /** Reads a file; by default from the disk. Never rejects. */
  readonly load?: (path: string) => Promise<FileResult>;
}

const SETTLE_MS = 1000;

export function watchPolicy(options: PolicyWatchOptions): FileWatch {
  const { path, start, pollMs, clock, check, onRead, onInvalid, load = loadConfigFile } = options;
  const take = async (): Promise<readonly string[]> => {
    // It reads the files itself: a changed one may name another JWKS.
    const { authorization, errors = [] } = await loadAuthorization(path, { read: load, openYaml });
    const problems = authorization === undefined ? errors : check(authorization);
    if (authorization === undefined || problems.length > 0) return problems;
    watch.follow(authorization);
    onRead(authorization);
    return [];
  };
  const watch = new FileWatch({
    known: start,
    pollMs,
    settleMs: SETTLE_MS,
    clock,
    load: (each) => load(each),
    take,
    onInvalid,
  });
  return watch;
}

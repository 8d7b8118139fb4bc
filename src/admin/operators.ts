/**
 * The server's operators: the token of --admin_token_file shows who is one, and the audit log has what they do. Without
 * a token whoever reaches the operators' server operates it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { readConfigFile } from '../config/config-file.ts';
import { secretIn } from '../config/secret-file.ts';
import type { AuditLog } from '../ledger/log/audit-log.ts';
import type { Logger } from '../ledger/log/log.ts';
import { peerOf } from '../proxy/net/listen-address.ts';
import { sentToken } from '../proxy/sent-token.ts';
import type { Refusal } from './access-guard.ts';
import type { Deed } from './admin-path.ts';

const FIRST_ERROR = 400;
const REFUSED: readonly number[] = [401, 403];

export class Operators {
  /** Replaced when the file is read anew; undefined = none is asked for. */
  token: string | undefined;
  readonly #audit: AuditLog | undefined;

  constructor(token?: string, audit?: AuditLog) {
    this.token = token;
    this.#audit = audit;
  }

  /** Reads the token's file anew. One without a token changes nothing, and the log says so. */
  reread(path: string, logger: Logger): void {
    const { token, error } = secretIn(path, readConfigFile(path));
    if (token === undefined) logger.error({ event: 'admin_token' }, `the token before stays: ${error}`);
    else this.token = token;
  }

  /** Undefined if the sender has the token, or none is asked for. */
  refuseStranger({ headersDistinct }: IncomingMessage): Refusal | undefined {
    if (this.token === undefined) return undefined;
    const sent = sentToken(headersDistinct['authorization']?.join(), undefined);
    if (typeof sent === 'string' && areSame(sent, this.token)) return undefined;
    return { status: 401, text: 'this server wants the token of --admin_token_file, as "authorization: Bearer TOKEN"' };
  }

  /** Call it when the request is answered with this status, or its answer begins. No `done` for mere reading. */
  note(request: IncomingMessage, status: number, done: Deed | undefined): void {
    const isRefused = REFUSED.includes(status);
    const deed = done ?? (isRefused ? { method: 'read' } : undefined);
    if (deed === undefined || this.#audit === undefined) return;
    const outcome = isRefused ? 'refused' : status < FIRST_ERROR ? 'done' : 'failed';
    const by = isRefused ? 'unknown' : this.token === undefined ? 'local' : 'admin token';
    const reason = outcome === 'done' ? undefined : String(status);
    this.#audit.write({ ...deed, outcome, surface: 'admin', by, peer: peerOf(request.socket), reason });
  }
}

/** Compares the texts in a time that tells nothing of either. */
function areSame(a: string, b: string): boolean {
  const hashOf = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  return timingSafeEqual(hashOf(a), hashOf(b));
}

/**
 * Who operates the server: the token of --admin_token_file, and the audit log of what operators do. Without a token
 * whoever reaches the operators' server operates it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { sentToken } from '../access/sent-token.ts';
import { peerOf } from '../proxy/net/listen-address.ts';
import type { AuditLog } from '../telemetry/log/audit-log.ts';
import type { Refusal } from './access-guard.ts';
import { logLevelOf } from './server/log-level.ts';

const FIRST_ERROR = 400;
const REFUSED: readonly number[] = [401, 403];

const MODEL_ACTION = /^\/models\/([^/]+)\/(reload|unload|load)$/;
const PLAYGROUND = /^\/playground\/([a-z]+)$/;
/** Their audit entries have the path's name. */
const ENDINGS: readonly string[] = ['/drain', '/quitquitquit'];
const PAYLOAD = /^\/requests\/.+\/payload$/;

/** What an operator asks for that changes or costs something, or shows payloads. */
interface Deed {
  readonly method: string;
  readonly model?: string | undefined;
  readonly version?: string | undefined;
}

export class Operators {
  /** Replaced when the file is read anew; undefined = none is asked for. */
  token: string | undefined;
  readonly #audit: AuditLog | undefined;

  constructor(token?: string, audit?: AuditLog) {
    this.token = token;
    this.#audit = audit;
  }

  /** Undefined if the sender has the token, or none is asked for. */
  refuseStranger({ headersDistinct }: IncomingMessage): Refusal | undefined {
    if (this.token === undefined) return undefined;
    const sent = sentToken(headersDistinct['authorization']?.join(), undefined);
    if (typeof sent === 'string' && areSame(sent, this.token)) return undefined;
    return { status: 401, text: 'this server wants the token of --admin_token_file, as "authorization: Bearer TOKEN"' };
  }

  /** Call it once the request is answered with this status, or its answer has begun. */
  note(request: IncomingMessage, status: number): void {
    const isRefused = REFUSED.includes(status);
    const deed = deedOf(request) ?? (isRefused ? { method: 'read' } : undefined);
    if (deed === undefined || this.#audit === undefined) return;
    const outcome = isRefused ? 'refused' : status < FIRST_ERROR ? 'done' : 'failed';
    const by = isRefused ? 'unknown' : this.token === undefined ? 'local' : 'admin token';
    const reason = outcome === 'done' ? undefined : String(status);
    this.#audit.write({ ...deed, outcome, surface: 'admin', by, peer: peerOf(request.socket), reason });
  }
}

function deedOf({ method, url = '/' }: IncomingMessage): Deed | undefined {
  const [path = '/', search] = url.split('?', 2);
  const query = new URLSearchParams(search);
  const model = query.get('model') ?? undefined;
  const version = query.get('version') ?? undefined;
  if (method === 'POST') {
    const [, name, action] = MODEL_ACTION.exec(path) ?? [];
    if (path === '/logging') return { method: `logging ${logLevelOf(query.get('level') ?? '') ?? ''}`.trimEnd() };
    if (ENDINGS.includes(path)) return { method: path.slice(1) };
    if (name !== undefined) return { method: action!, model: decoded(name), version };
    const verb = PLAYGROUND.exec(path)?.[1];
    return { method: verb === undefined ? 'post' : `playground ${verb}`, model, version };
  }
  if (path === '/profile' || path === '/record') return { method: path.slice(1), model };
  return PAYLOAD.test(path) ? { method: 'payload' } : undefined;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** In a time that tells nothing of either. */
function areSame(a: string, b: string): boolean {
  const hashOf = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  return timingSafeEqual(hashOf(a), hashOf(b));
}

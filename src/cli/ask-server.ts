/** One request over HTTP to a running server, as its callers send it. */
import type { Buffer } from 'node:buffer';
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { readBody } from './ask-admin.ts';
import { connectionText } from './connection-text.ts';
import type { ServerAddress } from './server-address.ts';

interface ServerQuestion {
  /** The path below the server's own. */
  readonly path: string;
  /** Sent by POST. Default: a GET. */
  readonly body?: Buffer;
}

/** The server's own answer has this long to come after a deadline. */
const GRACE_MS = 1000;

/** An answer that refuses, as the server says it. */
export class ServerRefusal extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.name = 'ServerRefusal';
    this.status = status;
  }
}

/** The body of a 200. Rejects with ServerRefusal, or with an Error that says that nobody answers there. */
export function askServer(to: ServerAddress, { path, body }: ServerQuestion): Promise<Buffer> {
  const { base, socketPath, ca, identity, token, timeoutMs, shown } = to;
  const request = base.startsWith('https:') ? overHttps : overHttp;
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': body.length }),
    'x-envoy-expected-rq-timeout-ms': Math.max(1, Math.ceil(timeoutMs)),
  };
  const method = body === undefined ? 'GET' : 'POST';
  const signal = AbortSignal.timeout(Math.ceil(timeoutMs) + GRACE_MS);
  const options = { method, headers, agent: false, signal, ...(ca && { ca }), ...identity };
  return new Promise((resolve, reject) => {
    const late = `it took longer than ${(timeoutMs + GRACE_MS) / 1000} s`;
    const fail = (error: Error): void =>
      reject(new Error(`no answer from ${shown}: ${signal.aborted ? late : connectionText(textOf(error), to)}`));
    const asked = request(
      `${base}${path}`,
      { ...options, ...(socketPath !== undefined && { socketPath }) },
      (answer) => {
        readBody(answer).then((content) => {
          if (answer.statusCode === 200) resolve(content);
          else reject(refusalOf(answer.statusCode ?? 0, answer.headers['retry-after'], content.toString()));
        }, fail);
      },
    );
    asked.once('error', fail);
    asked.end(body);
  });
}

/**
 * Returns `read` of an answer's text. Its own Errors are for the user; those of the language mean that the answer has
 * another form, and throw an Error that says so.
 */
export function readAnswer<T>({ shown }: ServerAddress, body: Buffer, read: (text: string) => T): T {
  try {
    return read(body.toString());
  } catch (error) {
    if (![SyntaxError, TypeError, RangeError].some((kind) => error instanceof kind)) throw error;
    throw new Error(`${shown} answers, but not as a model server of this protocol does`, { cause: error });
  }
}

/** Node says nothing where it has tried several addresses of a name. */
function textOf(error: Error): string {
  return error.message || ((error as NodeJS.ErrnoException).code ?? error.name);
}

function refusalOf(status: number, retryAfter: string | undefined, body: string): ServerRefusal {
  const later = retryAfter === undefined ? '' : ` (retry after ${retryAfter} s)`;
  // A text of a peer may hold what would command a terminal.
  const text = errorIn(body).replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ');
  return new ServerRefusal(status, `${status}: ${text || 'it gives no reason'}${later}`);
}

/** Servers of both protocols send {"error": "…"}. */
function errorIn(body: string): string {
  try {
    const { error } = JSON.parse(body) as { readonly error?: unknown };
    if (typeof error === 'string') return error;
  } catch {
    // A proxy in between has other forms.
  }
  return body.trim().slice(0, 1000);
}

/** Requests to the admin server of a running sidecar. */
import { Buffer, constants } from 'node:buffer';
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { CONSOLE_HEADER } from '../admin/access-guard.ts';
import { readConfigFile } from '../config/config-file.ts';
import { secretIn } from '../config/secret-file.ts';
import { visible } from '../core/terminal/visible-text.ts';
import { type AdminAddress, UNIX } from './sidecar-command.ts';

interface AdminQuestion {
  readonly from: AdminAddress;
  /** The path with its query. */
  readonly path: string;
  /** Default: GET. */
  readonly method?: 'GET' | 'POST';
  /**
   * The longest silence, in ms; by default 5 s: a sidecar on the same machine answers sooner unless its loop is stuck.
   */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5000;

/** The text for a user whose question was refused, or who has no sidecar running: anybody may have answered there. */
export function noSidecar(admin: string, error: Error): string {
  const message = visible(error.message);
  if (error instanceof AdminRefusal) return `${admin}: ${message}`;
  return `no sidecar at ${admin}: ${message}; start \`pillion serve\`, or say where it is with --admin`;
}

/**
 * A GET, or what `options` say, with the header that shows that no web page sends it. `path` includes its query. Throws
 * without a token.
 */
export function requestToAdmin(
  { admin, admin_token_file: file }: AdminAddress,
  path: string,
  options: RequestOptions,
  onAnswer: (answer: IncomingMessage) => void,
): ClientRequest {
  const headers = { [CONSOLE_HEADER]: 'cli', ...(file !== '' && { authorization: `Bearer ${tokenIn(file)}` }) };
  const isSocket = admin.startsWith(UNIX);
  const url = `http://${isSocket ? 'localhost' : admin}${path}`;
  const socket = isSocket ? { socketPath: admin.slice(UNIX.length) } : {};
  return request(url, { agent: false, headers, ...socket, ...options }, onAnswer).end();
}

function tokenIn(file: string): string {
  const { token, error } = secretIn(file, readConfigFile(file));
  if (token === undefined) throw new AdminRefusal(0, error);
  return token;
}

/** The operators' server refuses in plain words. */
function refusalText(status: number | undefined, body: string): string {
  if (!/^[{<]/.test(body)) return body;
  return `it answers ${status}, but not as the operators' port of a sidecar does (--admin_port of serve, by default 8502)`;
}

/** The body of a 200 or 202. Rejects with the system's error, or with AdminRefusal. */
export function askAdmin({ from, path, method = 'GET', timeoutMs = TIMEOUT_MS }: AdminQuestion): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const asked = requestToAdmin(from, path, { method, timeout: timeoutMs }, (answer) => {
      readBody(answer).then((body) => {
        if (answer.statusCode === 200 || answer.statusCode === 202) resolve(body);
        else reject(new AdminRefusal(answer.statusCode ?? 0, refusalText(answer.statusCode, body.toString().trim())));
      }, reject);
    });
    asked.once('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    asked.once('error', reject);
  });
}

/** Rejects for an answer that no text can hold. */
export async function readBody(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > constants.MAX_STRING_LENGTH) throw new Error('its answer has more than 512 MiB');
  }
  return Buffer.concat(chunks);
}

/** An answer that refuses. */
export class AdminRefusal extends Error {
  /** 0: there was no answer, since no token could be sent. */
  readonly status: number;

  constructor(status: number, text: string) {
    super(text === '' ? `it answered ${status}` : text);
    this.name = 'AdminRefusal';
    this.status = status;
  }
}

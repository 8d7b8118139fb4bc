/** One GET to the admin server of a running sidecar, for the commands that ask it something. */
import { type ClientRequest, get, type IncomingMessage, type RequestOptions } from 'node:http';
import { CONSOLE_HEADER } from '../admin/access-guard.ts';

export interface AskOptions {
  /** HOST:PORT */
  readonly admin: string;
  /** With its query. */
  readonly path: string;
  /** How long it may say nothing. */
  readonly patienceMs: number;
}

/** What a command tells a user who has no sidecar running. */
export function noSidecar(admin: string, error: Error): string {
  return `no sidecar at ${admin}: ${error.message}; start \`pillion serve\`, or say where it is with --admin`;
}

/** A GET that says it comes from no web page. `path` with its query. */
export function getFromAdmin(
  admin: string,
  path: string,
  options: RequestOptions,
  onAnswer: (answer: IncomingMessage) => void,
): ClientRequest {
  const headers = { [CONSOLE_HEADER]: 'cli' };
  return get(`http://${admin}${path}`, { agent: false, headers, ...options }, onAnswer);
}

/** The body of a 200. Rejects with the system's error, or with what was answered instead. */
export function askAdmin({ admin, path, patienceMs }: AskOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = getFromAdmin(admin, path, { timeout: patienceMs }, (answer) => {
      const chunks: string[] = [];
      answer.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        const text = chunks.join('');
        if (answer.statusCode === 200) resolve(text);
        else reject(new AdminRefusal(answer.statusCode ?? 0, text.trim()));
      });
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
    request.once('error', reject);
  });
}

/** It answered, and not with 200. */
export class AdminRefusal extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(text === '' ? `it answered ${status}` : text);
    this.name = 'AdminRefusal';
    this.status = status;
  }
}

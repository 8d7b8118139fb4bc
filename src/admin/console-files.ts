/**
 * The console's page and what it is made of, as the build wrote them (scripts/lib/build-console.mjs): read once and kept,
 * about 100 KB. Names other than index.html hold a hash of what is in them, so a browser keeps them for good.
 */
import type { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

/** Beside the compiled code. */
const BUILT = new URL('./console/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** All that the page needs comes from here, nothing runs but our files, and nobody may frame it. */
const SECURITY_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Of our own making: no separator, no dot in front. */
const FILE_NAME = /^[a-z0-9][a-z0-9.-]*\.(html|js|css|svg)$/i;

export class ConsoleFiles {
  readonly #directory: URL;
  readonly #kept = new Map<string, Buffer>();

  constructor(directory: URL = BUILT) {
    this.#directory = directory;
  }

  /** `path` begins with a slash; '/' is the page. False: there is no such file, and nothing was answered. */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const name = path === '/' ? 'index.html' : path.slice(1);
    const extension = FILE_NAME.exec(name)?.[1]?.toLowerCase();
    if (extension === undefined) return false;
    const isZipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    const body = await this.#read(isZipped ? `${name}.gz` : name);
    if (body === undefined) return path === '/' ? this.#notBuilt(response) : false;
    response.writeHead(200, {
      'content-type': TYPES[extension],
      'content-length': body.length,
      'cache-control': name === 'index.html' ? 'no-cache' : 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
      ...(isZipped && { 'content-encoding': 'gzip' }),
      ...SECURITY_HEADERS,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
    return true;
  }

  #notBuilt(response: ServerResponse): boolean {
    response.writeHead(503, { 'content-type': 'text/plain' });
    response.end(`the console was not built into ${fileURLToPath(this.#directory)}; run npm run build\n`);
    return true;
  }

  async #read(name: string): Promise<Buffer | undefined> {
    const kept = this.#kept.get(name);
    if (kept !== undefined) return kept;
    try {
      const body = await readFile(new URL(name, this.#directory));
      this.#kept.set(name, body);
      return body;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/**
 * Serves the files of the console's page, which scripts/lib/bundle/build-console.mjs wrote. Each is read once and kept,
 * about 100 KB in all. Names other than index.html hold a hash of the content, so a browser may cache them for ever.
 */
import type { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

/** The build's output, beside the compiled code. */
const BUILT = new URL('./page/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The page loads and runs only files of this server, and may not be framed. */
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

/** The path of a file, which has no separator and does not begin with a dot. */
export const PAGE_FILE = /^\/[a-z0-9][a-z0-9.-]*\.(html|js|css|svg)$/i;

export class ConsoleFiles {
  readonly #directory: URL;
  readonly #kept = new Map<string, Buffer>();

  constructor(directory: URL = BUILT) {
    this.#directory = directory;
  }

  /** `path` begins with a slash; '/' is the page. False: there is no such file, and no answer was sent. */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const name = path === '/' ? 'index.html' : path.slice(1);
    const extension = PAGE_FILE.exec(`/${name}`)?.[1]?.toLowerCase();
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

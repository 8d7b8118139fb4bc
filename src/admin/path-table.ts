/** The operators' server's paths, by their requests; and their list, for GET /help and for unknown paths. */
import type { AdminPath } from './admin-path.ts';

/** A path that was asked for, and its parts. */
interface FoundPath {
  readonly path: AdminPath;
  readonly match: readonly string[];
}

export class PathTable {
  readonly #paths: readonly AdminPath[];
  readonly #exact = new Map<string, AdminPath>();
  readonly #patterns: readonly AdminPath[];

  /** `paths`: in the order of GET /help. */
  constructor(paths: readonly AdminPath[]) {
    this.#paths = paths;
    this.#patterns = paths.filter(({ matches }) => matches !== undefined);
    for (const path of paths) if (path.matches === undefined) this.#exact.set(`${path.method} ${path.path}`, path);
  }

  find(method: string, path: string): FoundPath | undefined {
    const asked = method === 'HEAD' ? 'GET' : method;
    const exact = this.#exact.get(`${asked} ${path}`);
    if (exact !== undefined) return { path: exact, match: [path] };
    for (const pattern of this.#patterns) {
      const match = pattern.method === asked ? pattern.matches!.exec(path) : null;
      if (match !== null) return { path: pattern, match };
    }
    return undefined;
  }

  /** GET /help. */
  help(): string {
    const listed = this.#paths.filter(({ says }) => says !== undefined);
    const width = Math.max(...listed.map(({ path }) => path.length));
    const lines = listed.map(({ method, path, says }) => `  ${method.padEnd(4)} ${path.padEnd(width)}  ${says}`);
    const costly = listed.filter(({ method, guard }) => method === 'GET' && guard === 'doer').map(({ path }) => path);
    const also = costly.length === 0 ? '' : `, and so do ${costly.join(' and ')}`;
    return [`A POST wants the header x-pillion-console${also}.`, ...lines, ''].join('\n');
  }

  /** The text for a path that is none of them. */
  notFound(): string {
    const listed = this.#paths.filter(({ method, says }) => method === 'GET' && says !== undefined);
    return `here are: ${listed.map(({ path }) => path).join(' ')}; GET /help says more\n`;
  }

  drain(): void {
    for (const path of this.#paths) path.drain?.();
  }

  close(): void {
    for (const path of this.#paths) path.close?.();
  }
}

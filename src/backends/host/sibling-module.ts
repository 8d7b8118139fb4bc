/**
 * The URL of a module beside this one, for `new Worker(url)`.
 *
 * The compiler rewrites `./x.ts` in imports and not in `new URL`: so the extension is taken from the module that asks,
 * which is `.js` when compiled and `.ts` when Node strips types itself.
 */
// Whoever starts a thread or a process comes by here, and a thread cannot set what runtimes read.
import '../quiet-runtimes.ts';

/** `siblingModule(import.meta.url, './thread-entry')`; the path is relative to the asking module, without extension. */
export function siblingModule(moduleUrl: string, path: string): URL {
  return new URL(`${path}${moduleUrl.endsWith('.ts') ? '.ts' : '.js'}`, moduleUrl);
}

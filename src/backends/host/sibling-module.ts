/**
 * The URL of a module beside this one, for `new Worker(url)`.
 *
 * The compiler rewrites `./x.ts` in imports but not in `new URL`. So the extension is that of the calling module: `.js`
 * when compiled, `.ts` when Node strips types itself.
 */
// Every start of a thread or process imports this file, and a thread cannot set the variable that runtimes read.
import '../../internals/runtime-telemetry.ts';

/** `siblingModule(import.meta.url, './thread-entry')`: the path is relative to the caller, without extension. */
export function siblingModule(moduleUrl: string, path: string): URL {
  return new URL(`${path}${moduleUrl.endsWith('.ts') ? '.ts' : '.js'}`, moduleUrl);
}

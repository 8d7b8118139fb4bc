/**
 * Stack traces with places in TypeScript. Node's own --enable-source-maps reads the maps of all modules at the start;
 * here a map is read when the first stack that needs it is printed, which most servers never do.
 *
 * Only for the first modules of processes and threads that are all ours: the hook is V8's only one.
 */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** By the URL of compiled code; undefined = it has no map, or none that can be read. */
type Maps = Map<string, SourceMap | undefined>;

/** Call once. */
export function showSourcePlaces(): void {
  const maps: Maps = new Map();
  Error.prepareStackTrace = (error, sites) =>
    [headOf(error), ...sites.map((site) => `    at ${placed(site, maps)}`)].join('\n');
}

function headOf(error: Error): string {
  try {
    return String(error);
  } catch {
    return 'Error';
  }
}

function placed(site: NodeJS.CallSite, maps: Maps): string {
  const text = String(site);
  const url = site.getFileName();
  const [line, column] = [site.getLineNumber(), site.getColumnNumber()];
  if (!url?.startsWith('file:') || line === null || column === null) return text;
  if (!maps.has(url)) maps.set(url, readMap(url));
  const entry = maps.get(url)?.findEntry(line - 1, column - 1);
  if (entry === undefined || !('originalSource' in entry)) return text;
  const place = `${new URL(entry.originalSource, url)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  return text.replace(`${url}:${line}:${column}`, place);
}

function readMap(url: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(fileURLToPath(`${url}.map`), 'utf8')));
  } catch {
    return undefined;
  }
}

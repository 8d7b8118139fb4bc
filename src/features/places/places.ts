/**
 * `pillion places`: a log with places in TypeScript where its stacks have places in the bundle. The server itself reads
 * no source map: that would stop all requests for as long as it takes, at the first stack that anybody reads.
 *
 * Only the part of a path below the bundle's folder counts, so a log may be read on another machine that has the same
 * version. Nothing outside the bundle of this installation is opened, whatever a line says.
 */
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join, relative, sep } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** `file:///opt/pillion/dist/bundle/serve/start-0a1b.cjs:12:345`, in JSON too. Names hold no "..". */
const PLACE = /[^\s"'()]{0,512}\/bundle(?:-\w+)?\/((?:[\w-]+\/)?[\w-]+(?:\.[\w-]+)*\.c?js):(\d+):(\d+)/g;

/** Copies standard input to standard output. Resolves with the exit status. */
export async function printPlaces(): Promise<number> {
  const bundle = fileURLToPath(new URL('../..', import.meta.url));
  const placed = placesOf(bundle);
  // The reader may have enough, as `head` does.
  process.stdout.on('error', () => process.exit(0));
  for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${placed(line)}\n`);
  return 0;
}

/** Rewrites lines by the maps in the folder `bundle`; a place that no map there knows stays as it is. */
export function placesOf(bundle: string): (line: string) => string {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (file: string): SourceMap | undefined => {
    if (!maps.has(file)) maps.set(file, readMap(join(bundle, `${file}.map`)));
    return maps.get(file);
  };
  return (line) =>
    line.replace(PLACE, (place, file: string, row: string, column: string) => {
      const entry = mapOf(file)?.findEntry(Number(row) - 1, Number(column) - 1);
      if (entry === undefined || !('originalSource' in entry)) return place;
      const source = join(bundle, file, '..', entry.originalSource);
      const shown = relative(join(bundle, '..', '..'), source)
        .split(sep)
        .join('/');
      return `${shown}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
}

function readMap(path: string): SourceMap | undefined {
  return existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
}

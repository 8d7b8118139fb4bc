/** Finds what files import, by their texts. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The modules that a text imports, types included, as it names them. */
export function specifiersOf(text: string): readonly string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^'\n]+)'/g)].map(([, name]) => name!);
}

/** The files that this one imports by relative paths when it runs. */
function importsOf(file: string): readonly string[] {
  const names = specifiersOf(readFileSync(file, 'utf8').replace(/^import type [^;]*;/gm, ''));
  const paths = names.filter((name) => name.startsWith('.')).map((name) => join(dirname(file), name));
  return paths.filter((path) => existsSync(path));
}

/** Those of the files that import `target`, or a file that does. */
export function filesThatReach(target: string, files: readonly string[]): readonly string[] {
  const known = new Map<string, readonly string[]>();
  const reaches = (file: string): boolean => {
    const seen = new Set([file]);
    for (const path of seen) {
      if (path === target) return true;
      if (!known.has(path)) known.set(path, importsOf(path));
      for (const next of known.get(path)!) seen.add(next);
    }
    return false;
  };
  return files.filter(reaches);
}

/** Finds which file imports which when it runs, by their texts. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The files that it imports by relative paths; types are none. */
export function importsOf(file: string): readonly string[] {
  const specifiers = readFileSync(file, 'utf8')
    .replace(/^import type [^;]*;/gm, '')
    .matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^'\n]+)'/g);
  return [...specifiers].map(([, path]) => join(dirname(file), path!)).filter((path) => existsSync(path));
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

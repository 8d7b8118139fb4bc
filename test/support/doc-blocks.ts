/**
 * The code blocks of the pages, and their marks. A block of commands says behind its language who runs it:
 *
 *   ```sh run              test/integration/doc-commands.test.ts, in the page's order
 *   ```sh run until        the same, again and again until the output is what the next block shows
 *   ```sh by: PATH         this test, which has the same command; or `by: npm test -- SUITE`
 *   ```sh not run: WHY     nobody
 *
 * A block behind it with the word `output` is what it prints; `…` stands for any text.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface DocBlock {
  readonly page: string;
  /** The number of its first line in the page, from 1 on. */
  readonly line: number;
  /** The language and the words behind the fence. Undefined = the block is indented. */
  readonly info: string | undefined;
  readonly text: string;
}

const FENCED = /^( {0,3})```(.*)\n([\s\S]*?)^ {0,3}```$/gm;
const INDENTED = /(?<=\n\n)(?: {4}\S.*\n)(?:(?: {4}.*)?\n)*/g;

/** All pages that are checked in, but for decisions and what has changed, which tell of the past. */
export function pages(): readonly string[] {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    encoding: 'utf8',
  });
  return files.split('\n').filter((file) => file !== '' && file !== 'CHANGELOG.md' && !file.startsWith('docs/adr/'));
}

/** The blocks of a page in its order. */
export function blocksOf(page: string): readonly DocBlock[] {
  const text = readFileSync(page, 'utf8');
  const lineAt = (index: number): number => text.slice(0, index).split('\n').length;
  const fenced = [...text.matchAll(FENCED)].map(({ index, 1: indent, 2: info, 3: body }) => ({
    page,
    line: lineAt(index),
    info: info!,
    text: body!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
  const rest = text.replaceAll(FENCED, (block) => block.replaceAll(/[^\n]/g, '.'));
  const indented = [...rest.matchAll(INDENTED)].map(({ index, 0: body }) => ({
    page,
    line: lineAt(index),
    info: undefined,
    text: body.replaceAll(/^ {4}/gm, ''),
  }));
  return [...fenced, ...indented].sort((a, b) => a.line - b.line);
}

/** docs/reference/errors.md has each id of the table of errors with its codes, and texts that the code still has. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ERROR_TABLE } from '../../../src/core/errors.ts';

const PAGE = readFileSync('docs/reference/errors.md', 'utf8');
/** A piece of a text that is shorter is found by chance. */
const SHORTEST_PIECE = 6;

/** All of the source, with texts that are joined over two lines as one. */
function source(): string {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const all = files.map((file) => readFileSync(join('src', file), 'utf8')).join('\n');
  return all.replaceAll(/[`'] \+\s+[`']/g, '');
}

describe('docs/reference/errors.md', () => {
  it('has a heading of each id', () => {
    const headings = [...PAGE.matchAll(/^### (\w+)$/gm)].map(([, id]) => id!);
    assert.deepEqual(headings.sort(), Object.keys(ERROR_TABLE).sort());
  });

  it('has the codes of the table', async () => {
    const { withErrors } = await import(pathToFileURL(resolve('scripts/lib/error-table.mjs')).href);
    assert.equal(await withErrors(PAGE, resolve('build/src')), PAGE, 'run: npm run gen -- errors');
  });

  it('shows texts of which every fixed piece is in the code', () => {
    const code = source();
    const pieces = [...PAGE.matchAll(/^> (.*)$/gm)].flatMap(([, text]) => text!.split('…'));
    const stale = pieces.filter((piece) => piece.length >= SHORTEST_PIECE && !code.includes(piece.trim()));
    assert.deepEqual(stale, []);
  });
});

/** The table of errors → docs/reference/errors.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withErrors } from '../lib/error-table.mjs';
import { ensureBuiltForTests, root } from '../lib/setup.mjs';

const PAGE = 'docs/reference/errors.md';

export async function generate() {
  ensureBuiltForTests();
  return { [PAGE]: await withErrors(readFileSync(join(root, PAGE), 'utf8'), join(root, 'build', 'src')) };
}

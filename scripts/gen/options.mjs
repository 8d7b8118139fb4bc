/** The options of `pillion serve` → docs/reference/configuration.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withOptions } from '../lib/option-entries.mjs';
import { ensureBuiltForTests, root } from '../lib/setup.mjs';

const PAGE = 'docs/reference/configuration.md';

export async function generate() {
  ensureBuiltForTests();
  return { [PAGE]: await withOptions(readFileSync(join(root, PAGE), 'utf8'), join(root, 'build', 'src')) };
}

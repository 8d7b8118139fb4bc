/**
 * The option table → docs/pillion.schema.json, which editors check pillion.yaml with.
 *
 *   node scripts/gen-schema.mjs           writes the file
 *   node scripts/gen-schema.mjs --check   exits 1 if the file is not what the table says
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensureBuilt, root } from './lib/setup.mjs';

ensureBuilt();
const { pillionSchema } = await import('../dist/config/json-schema.js');
const { SERVE_OPTIONS } = await import('../dist/config/serve-options.js');

const TARGET = join(root, 'docs', 'pillion.schema.json');
const wanted = `${JSON.stringify(pillionSchema(SERVE_OPTIONS), undefined, 2)}\n`;
if (!process.argv.includes('--check')) writeFileSync(TARGET, wanted);
else if (!existsSync(TARGET) || readFileSync(TARGET, 'utf8') !== wanted) {
  console.error('docs/pillion.schema.json is not what the options say; run: npm run gen:schema');
  process.exitCode = 1;
}

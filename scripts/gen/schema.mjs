/** The option table → docs/pillion.schema.json, which editors check pillion.yaml with. */
import { ensureBuiltForTests } from '../lib/setup.mjs';

export const target = 'docs/pillion.schema.json';

export async function generate() {
  ensureBuiltForTests();
  const { pillionSchema } = await import('../../build/src/config/json-schema.js');
  const { SERVE_OPTIONS } = await import('../../build/src/config/serve-options.js');
  return `${JSON.stringify(pillionSchema(SERVE_OPTIONS), undefined, 2)}\n`;
}

/** The schemas of files of configuration → docs/*.schema.json, which editors check the files with. */
import { join } from 'node:path';
import { configurationSchemas } from '../lib/json-schema.mjs';
import { ensureBuiltForTests, root } from '../lib/setup.mjs';

export async function generate() {
  ensureBuiltForTests();
  const schemas = await configurationSchemas(join(root, 'build', 'src'));
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [`docs/${name}`, `${JSON.stringify(schema, undefined, 2)}\n`]),
  );
}

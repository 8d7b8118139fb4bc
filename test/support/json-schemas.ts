/** The JSON Schemas of the files of configuration, as npm run gen -- schema makes them, of the code under test. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export async function jsonSchemas(): Promise<Readonly<Record<string, object>>> {
  const { configurationSchemas } = await import(pathToFileURL(resolve('scripts/lib/json-schema.mjs')).href);
  return configurationSchemas(resolve('build/src'));
}

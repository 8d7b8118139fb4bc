/** docs/*.schema.json are what the schemas of the files say. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonSchemas } from '../../support/json-schemas.ts';

for (const [name, schema] of Object.entries(await jsonSchemas())) {
  test(`docs/${name} is what the code says`, () => {
    assert.deepEqual(JSON.parse(readFileSync(join('docs', name), 'utf8')), schema);
  });
}

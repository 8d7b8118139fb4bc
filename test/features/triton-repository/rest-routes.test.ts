import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openInferenceRoutes } from '../../../src/features/open-inference/rest/routes.ts';
import type { Repository } from '../../../src/features/triton-repository/repository/repository.ts';
import { restLookups } from '../../../src/features/triton-repository/repository/rest-lookups.ts';

// No method is called.
const REST = restLookups(undefined as unknown as Repository);
const match = openInferenceRoutes([{ names: [], grpc: [], rest: REST, schemas: {} }]);

const TABLE: readonly [method: string, path: string, kind: string, name: string, model: string][] = [
  ['POST', '/v2/repository/index', 'v2-index', 'RepositoryIndex', ''],
  ['POST', '/v2/repository/models/m/load', 'v2-load', 'RepositoryModelLoad', 'm'],
  ['POST', '/v2/repository/r/index', 'v2-index', 'RepositoryIndex', ''],
  ['POST', '/v2/repository/models/a%20b/load', 'v2-load', 'RepositoryModelLoad', 'a b'],
];

for (const [method, path, ...expected] of TABLE) {
  test(`${method} ${path}`, () => {
    const { kind, method: name, spec } = match(method, path)!;
    assert.deepEqual([kind, name, spec.name], expected);
  });
}

test('the paths of the repository are in the documentation', () => {
  const text = readFileSync('src/features/open-inference/README.md', 'utf8');
  const missing = REST.flatMap(({ paths }) => paths)
    .filter((path) => !path.includes('{repository}'))
    .map((path) => path.replace('{model}', 'M'))
    .filter((path) => !text.includes(path));
  assert.deepEqual(missing, []);
});

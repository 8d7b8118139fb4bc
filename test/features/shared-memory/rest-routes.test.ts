import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openInferenceRoutes } from '../../../src/features/open-inference/rest/routes.ts';
import { restRegions } from '../../../src/features/shared-memory/rest-regions.ts';
import type { SharedMemory } from '../../../src/features/shared-memory/shared-memory.ts';

// No method is called.
const rest = restRegions(undefined as unknown as SharedMemory);
const match = openInferenceRoutes([{ names: [], grpc: [], rest, schemas: {} }]);

const TABLE: readonly [method: string, path: string, expected: unknown][] = [
  ['GET', '/v2/systemsharedmemory/status', ['v2-region-status', 'SystemSharedMemoryStatus', '']],
  ['POST', '/v2/systemsharedmemory/region/r%20a/register', ['v2-register-region', 'SystemSharedMemoryRegister', 'r a']],
  ['POST', '/v2/systemsharedmemory/region/%ff/unregister', 'invalid_request'],
  ['POST', '/v2/systemsharedmemory/register', 'route_not_found'],
];

for (const [method, path, expected] of TABLE) {
  test(`${method} ${path}`, () => {
    const { kind, method: name, error, region = '' } = match(method, path)!;
    assert.deepEqual(error === undefined ? [kind, name, region] : error.kind, expected);
  });
}
